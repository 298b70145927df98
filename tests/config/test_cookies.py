import time
from http.cookies import _quote

import django.http
import pytest
from django.test import RequestFactory

from config.cookies import Request, parse_cookie

# JSON as other programs keep it in a cookie.
JSON = '{"items": ["a, b", "c; d"], "name": "Stühle \\ oak", "tab": "\t"}' * 20


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sessionid=a; csrftoken=b",
        "a=1; a=2; b",
        "=; ;=x; y=; =a=b",
        ' a = " b\\"c" ; d="e',
        'a="\\"; b="\\\\"; c="x\\"',
        'a="\\1\\12\\012\\377\\400\\054\\"\\a"',
        'a="', 'a=""', 'a="""',
        'a="é\u2003\\"\u00a0"\u3000',
        f"a={_quote(JSON)}",
    ],
)  # fmt: skip
def test_cookies_are_read_as_django_reads_them(header):
    known = django.http.parse_cookie(header)
    assert parse_cookie(header) == known
    request = Request(RequestFactory().get("/").environ | {"HTTP_COOKIE": header.encode().decode("latin-1")})
    assert known == request.COOKIES


def test_json_is_read_as_it_was_quoted():
    assert parse_cookie(f"a={_quote(JSON)}")["a"] == JSON


@pytest.mark.parametrize("escape", ["\\\\", '\\"', "\\1", "\\", "\\101"])
@pytest.mark.parametrize("after", ["", "\u2003", "\u3000", "\u00a0"])
def test_backslashes_cost_no_more_than_other_characters(escape, after):
    cookie = 'a="' + escape * (30_000 // len(escape)) + '"' + after
    environ = RequestFactory().get("/").environ | {"HTTP_COOKIE": cookie.encode().decode("latin-1")}
    begun = time.process_time()
    assert len(Request(environ).COOKIES["a"]) > 7_000
    assert time.process_time() - begun < 0.1
