"""Requests that no honest client sends, by kind. Each is made of random numbers alone, so it can be made again."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

DEMO = Path(__file__).resolve().parent.parent / "demo"
PHOTO = DEMO / "queries" / "BED-017.webp"
# What a request is made of: arguments of requests.Request, with a path instead of an address.
Asked = dict[str, Any]
Kind = Callable[[Random], Asked]

API = (
    "search/", "search/explain/", "search/text/", "baskets/", "events/", "index/", "products/", "products/BED-017/",
    "products/BED-017/similar/", "products/BED-017/photos/", "categories/", "categories/bed/",
)  # fmt: skip
PAGES = ("/", "/products/BED-017/", "/livez", "/admin/", "/admin/login/", "/api/docs/", "/api/schema/", "/nowhere/")
ADDRESSES = (*(f"/api/v1/{path}" for path in API), *PAGES)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE")
FORMS = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
CHARSETS = (
    "hex",
    "zlib_codec",
    "rot13",
    "idna",
    "punycode",
    "utf-7",
    "utf-16",
    "latin-1",
    "undefined",
    "none",
    "x" * 300,
)
SIGNS = "-\"()!&|:*'\\<>~./_ \u00a0－﹣a字é\u0301\u2028"
TEXTS = ("", "\ud800", "\x00", "a\x00b", "\U0001f9ff", "a" * 300, "-" * 99, "\u202e", "%", "'", "../..", "null", "-0")
NUMBERS = (0, -1, 10**30, 2**31, 2**63, -(2**63), 1e308, 0.1, 1e-300, True)
ODD: tuple[Any, ...] = (*TEXTS, *NUMBERS, None, [], {}, [[]], {"a": 1}, ["\ud800"])
PARAMETERS = (
    "q", "mode", "page", "page_size", "limit", "category", "price_min", "price_max", "in_stock", "attributes", "facets",
    "ordering", "photo", "min_similarity", "words", "format", "lang", "version",
)  # fmt: skip
BODIES: Mapping[str, Mapping[str, Any]] = {
    "events/": {"query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11", "kind": "click", "sku": "BED-017", "position": 1},
    "baskets/": {
        "budget": "900.00", "currency": "EUR", "limit": 3, "keep": [{"thing": 0, "sku": "BED-017"}],
        "things": [{"candidates": [{"sku": "BED-017", "similarity": 0.9}]}],
    },
    "products/": {"sku": "ODD-1", "name": "Odd", "category": "bed", "attributes": {"color": "red"}, "price": "1.00"},
    "categories/": {"name": "Odd", "slug": "odd"},
}  # fmt: skip
LISTS = (
    "catalog/product", "catalog/category", "catalog/synonym", "catalog/import", "descriptions/tag", "search/query",
    "search/event", "search/day", "search/space", "search/head", "search/rejection", "auth/user", "auth/group",
    "access/key",
    "authtoken/tokenproxy",
)  # fmt: skip
LOOKUPS = (
    "q", "p", "o", "e", "all", "_popup", "_to_field", "_changelist_filters", "name", "sku", "created_at__year",
    "created_at__gte", "asked_at__month", "date__year", "category__id__exact", "category", "kind__exact", "state",
    "id__in", "index", "in_stock__exact", "space__id__exact", "name__regex", "attributes__color", "is_staff__exact",
    "groups__id__exact",
)  # fmt: skip
VALUES = (
    "0",
    "-1",
    "abc",
    "a\x00b",
    "9" * 30,
    "10000",
    "é",
    "",
    "2020-13-45",
    "1e400",
    "nan",
    "[",
    "_00",
    "_FF",
    "1.2.-",
)
PLACES = ("/media/", "/static/", "/samples/", "/products/", "/api/v1/products/", "/api/v1/categories/", "/admin/")
STEPS = (
    "..",
    "%2e%2e",
    "..%2f",
    "%00",
    "%ff",
    "/",
    "\\",
    "etc/passwd",
    "photos",
    "a" * 300,
    "%c0%ae",
    ".",
    "é",
    ";",
    "%0a",
)


def charsets(random: Random) -> Asked:
    charset = random.choice(CHARSETS)
    path = random.choice(ADDRESSES) + random.choice(("", "?q=%ff", "?a=1"))
    named = random.choice((f"charset={charset}", f"charset*={charset}''%41"))
    kind = f"{random.choice(FORMS)}; {named}"
    return {
        "method": random.choice(METHODS[:4]),
        "path": path,
        "headers": {"Content-Type": kind},
        "data": form(charset),
    }


def form(charset: str) -> bytes:
    disposition = f"form-data; name=\"image\"; filename*={charset}''%41"
    return f"--x\r\nContent-Disposition: {disposition}\r\n\r\nb\r\n--x--\r\n".encode()


def words(random: Random) -> Asked:
    signs = random.sample(SIGNS, random.randint(1, 4))
    text = "".join(random.choices(signs, k=random.choice((5, 40, 200))))
    path = random.choice(("/api/v1/search/text/", "/api/v1/products/", "/", "/admin/catalog/product/"))
    return {"method": "GET", "path": path, "params": {"q": text, "facets": "true"}}


def parameters(random: Random) -> Asked:
    path = random.choice(ADDRESSES)
    given = [(random.choice(PARAMETERS), odd_text(random)) for _ in range(random.choice((1, 3, 40)))]
    return {"method": "GET", "path": path, "params": given}


def odd_text(random: Random) -> str:
    return str(random.choice((*TEXTS, *NUMBERS, *VALUES))).encode(errors="replace").decode()


def bodies(random: Random) -> Asked:
    """JSON in which one value, however deep, is another."""
    path = random.choice(tuple(BODIES))
    body = json.loads(json.dumps(BODIES[path]))
    at: Any = body
    while isinstance(at, dict | list) and at:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = random.choice(keys)
        if not isinstance(at[key], dict | list) or random.random() < 0.3:
            at[key] = random.choice(ODD)
            break
        at = at[key]
    text = random.choice((json.dumps(body), json.dumps(body)[:-2], "[" * 5_000, "9" * 5_000, '{"a":1e999}', "\x00"))
    method = random.choice(("POST", "POST", "PUT", "PATCH"))
    return {"method": method, "path": f"/api/v1/{path}", "headers": {"Content-Type": FORMS[0]}, "data": text.encode()}


def photos(random: Random) -> Asked:
    """A photo some of whose bytes are others, with odd fields beside it."""
    data = bytearray(PHOTO.read_bytes())
    for _ in range(random.choice((0, 0, 1, 50))):
        data[random.randrange(random.choice((64, len(data))))] = random.randrange(256)
    del data[random.choice((len(data), len(data), len(data) // 2, 30)) :]
    names = ("limit", "category", "region", "words", "objects", "explain", "min_similarity", "price_min", "attributes")
    fields = {random.choice(names): odd_text(random) for _ in range(random.choice((0, 0, 1, 3)))}
    path = random.choice(("search/", "search/", "search/explain/", "products/BED-017/photos/"))
    file = (
        random.choice(("a.webp", "a.webp", "\x00.png", "a" * 300, "../a")),
        bytes(data),
        random.choice(("image/png", "")),
    )
    return {"method": "POST", "path": f"/api/v1/{path}", "files": {"image": file}, "data": fields}


def methods(random: Random) -> Asked:
    method, path = random.choice(METHODS), random.choice(ADDRESSES)
    if method == "DELETE":  # The other kinds ask about what there is.
        path = path.replace("BED-017", "ODD-1")
    return {"method": method, "path": path, "data": random.choice((b"", b"{}", b"\xff"))}


def headers(random: Random) -> Asked:
    sent = {
        "Host": ("evil.example", "127.0.0.1:99999", "a b", "[::1", "x" * 300),
        "Accept": ("text/html;q=;,*", "image/*", "application/json; charset*=hex''%41", "x" * 3_000),
        "Range": ("bytes=9-1", f"bytes={'9' * 30}-", "bytes=a-b", "x"),
        "If-Modified-Since": ("Mon, 99 Xxx 99999 00:00:00 GMT", "Mon, 01 Jan 99999 00:00:00 GMT"),
        "If-None-Match": ('W/"', "\x01"),
        "Cookie": ("sessionid=%00; messages=zzz", "=;=;=", "sessionid=" + "a" * 300, 'csrftoken="'),
        "Authorization": (
            "Bearer",
            "Bearer pk_1234",
            "Bearer \xff",
            "pk_1234",
            "Token",
            "Token a b",
            "Token \xff",
            "Basic ====",
            "Token " + "a" * 40,
        ),
        "X-Forwarded-For": ("x", "::1, " * 99, "1.2.3.4"),
        "X-Forwarded-Proto": ("https", "\x01"),
        "Accept-Language": ("\x01" * 99, "x-y-z;q=9", "de"),
        "Content-Length": ("-1", "9" * 30, "a"),
        "X-HTTP-Method-Override": ("DELETE",),
        "Content-Disposition": ("attachment; filename*=hex''%41",),
    }
    name = random.choice(tuple(sent))
    path = random.choice((*ADDRESSES, "/static/staff/admin.css"))
    return {
        "method": random.choice(METHODS[:2]),
        "path": path,
        "headers": {name: random.choice(sent[name]).encode("latin-1")},
    }


def traversal(random: Random) -> Asked:
    steps = "/".join(random.choices(STEPS, k=random.randint(1, 6)))
    return {"method": "GET", "path": random.choice(PLACES) + steps}


def admin_lists(random: Random) -> Asked:
    given = {random.choice(LOOKUPS): random.choice(VALUES) for _ in range(random.randint(1, 2))}
    return {"method": "GET", "path": f"/admin/{random.choice(LISTS)}/", "params": given}


def admin_pages(random: Random) -> Asked:
    key, page = (
        random.choice(VALUES),
        random.choice(("", "change/", "delete/", "history/", "progress/", "report/", "start/")),
    )
    paths = (
        f"/admin/{random.choice(LISTS)}/{key}/{page}",
        f"/admin/{random.choice(LISTS)}/add/",
        f"/admin/autocomplete/?app_label=authtoken&model_name=tokenproxy&field_name=user&term={key}",
        f"/admin/search/?extended&s={key}&page={key}",
        f"/admin/try/?image={key}",
        f"/admin/r/{key}/{key}/",
    )
    return {"method": "GET", "path": random.choice(paths).replace("\x00", "%00")}


def admin_actions(random: Random) -> Asked:
    action = random.choice(("delete_selected", "move", "reindex", "retry", "activate", "accept_selected", "", "none"))
    selected = random.choices(VALUES, k=2)
    sent = {"action": action, "_selected_action": selected, "index": random.choice(VALUES), "to": random.choice(VALUES)}
    if random.random() < 0.3:
        sent |= {
            "_save": "",
            "form-TOTAL_FORMS": random.choice(VALUES),
            "form-INITIAL_FORMS": "1",
            "form-0-id": selected,
        }
    return {"method": "POST", "path": f"/admin/{random.choice(LISTS)}/", "data": sent}


KINDS: tuple[Kind, ...] = (
    charsets, words, parameters, bodies, photos, methods, headers, traversal, admin_lists, admin_pages, admin_actions,
)  # fmt: skip
