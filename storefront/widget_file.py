"""`/widget.js`: the one file that a shop's own page loads (docs/widget.md). `make widget` builds it."""

import gzip
import hashlib
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag
from django.views.decorators.http import require_safe

FILE = Path(__file__).resolve().parent / "widget" / "widget.js"
# Another version is there within an hour, and in the meantime nobody waits for it.
CURRENT = "public, max-age=3600, stale-while-revalidate=86400"
# Below the address of its version it never changes.
FOR_EVER = "public, max-age=31536000, immutable"


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


@require_safe
def widget(request: HttpRequest) -> HttpResponse:
    """The script, for pages of any origin. With `?v=` of its version it is kept for ever."""
    found = script()
    zips = "gzip" in request.headers.get("Accept-Encoding", "")
    etag = quote_etag(f"{found.version}-gzip" if zips else found.version)
    answer = HttpResponse(found.zipped if zips else found.plain, content_type="text/javascript; charset=utf-8")
    if zips:
        answer["Content-Encoding"] = "gzip"
    answer["Content-Length"] = str(len(answer.content))
    answer["ETag"] = etag
    answer["Cache-Control"] = FOR_EVER if request.GET.get("v") == found.version else CURRENT
    answer["Access-Control-Allow-Origin"] = "*"  # A script with `integrity` is loaded with CORS. It holds no secret.
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    patch_vary_headers(answer, ["Accept-Encoding"])
    conditional = get_conditional_response(request, etag, response=answer) or answer
    conditional.headers.setdefault("Access-Control-Allow-Origin", "*")
    conditional.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
    return conditional
