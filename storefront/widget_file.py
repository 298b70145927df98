"""`/widget.js`: the one file that a shop's own page loads (docs/widget.md). `make widget` builds it."""

import gzip
import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

FILE = Path(__file__).resolve().parent / "widget" / "widget.js"
# Another version is on every page within an hour.
CURRENT = "public, max-age=3600"
# Below the address of its version it never changes.
FOR_EVER = "public, max-age=31536000, immutable"
# Below the address of another version, which may be there by and by: servers are upgraded one after the other.
OTHER = "no-store"


@dataclass(frozen=True)
class Script:
    plain: bytes
    zipped: bytes
    digest: bytes
    """SHA-384 of `plain`."""

    @property
    def integrity(self) -> str:
        """As the attribute `integrity` of a script names it."""
        return f"sha384-{b64encode(self.digest).decode()}"

    @property
    def version(self) -> str:
        return self.digest.hex()[:16]


@cache
def script() -> Script:
    plain = FILE.read_bytes()
    return Script(plain, gzip.compress(plain, mtime=0), hashlib.sha384(plain).digest())


def _takes_gzip(accepted: str) -> bool:
    """Whether the header Accept-Encoding names gzip. With the weight 0 a coding is turned down."""
    weights = {name.strip().lower(): weight for name, _, weight in (one.partition(";") for one in accepted.split(","))}
    return "gzip" in weights and not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weights["gzip"])


@require_safe
def widget(request: HttpRequest) -> HttpResponse:
    """The script, for pages of any origin. With `?v=` of its version it is kept for ever."""
    found = script()
    zips = _takes_gzip(request.headers.get("Accept-Encoding", ""))
    etag = quote_etag(f"{found.version}-gzip" if zips else found.version)
    answer = HttpResponse(found.zipped if zips else found.plain, content_type="text/javascript; charset=utf-8")
    if zips:
        answer["Content-Encoding"] = "gzip"
    answer["Content-Length"] = str(len(answer.content))
    answer["ETag"] = etag
    asked = request.GET.get("v")
    answer["Cache-Control"] = CURRENT if asked is None else FOR_EVER if asked == found.version else OTHER
    answer["Access-Control-Allow-Origin"] = "*"  # A script with `integrity` is loaded with CORS. It holds no secret.
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_vary_headers(answer, ["Accept-Encoding"])
    conditional = get_conditional_response(request, etag, response=answer) or answer
    conditional.headers.setdefault("Access-Control-Allow-Origin", "*")
    conditional.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
    return conditional
