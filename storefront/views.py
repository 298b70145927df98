"""The page a visitor searches on, the same at every address of the shop, and the sample photos it offers."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from storefront import samples

# They fill two rows of five on a desktop, and a strip on a phone. Two folders get a row each.
SAMPLES_SHOWN = 10
# Any of these in an address makes it a search (query.js): in words, or of the kind named, where the first one counts.
IN_WORDS = {"q", "category"}
KINDS = {"like": "like", "sample": "sample", "by": "photo"}

# Scripts, styles and the font come from our files alone; blob: is the visitor's own photo, shown before it is sent.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


@require_safe
def page(request: HttpRequest, sku: str = "") -> HttpResponse:
    """The shell that page.js fills. It is laid out from the start for what its address shows, so that nothing moves."""
    given = request.GET.keys()
    kind = next((kind for name, kind in KINDS.items() if name in given), "")
    context = {
        "shown": "product" if sku else "search" if kind or IN_WORDS & given else "start",
        "kind": kind,
        "pictured": kind in ("like", "sample"),
        "described": kind == "sample" and bool(request.GET.get("words", "").strip()),
        "forgotten": kind == "photo",  # No address holds the visitor's own photo: the page can only say so.
        "samples": samples.offered(SAMPLES_SHOWN),
        "max_bytes": settings.MAX_REQUEST_BYTES,
        "key": settings.STOREFRONT_KEY,
        "index_closed": not settings.ANONYMOUS_API,  # No publishable key may ask how much is indexed.
    }
    response = render(request, "storefront/page.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response


@require_safe
@cache_control(public=True, max_age=3600)
def sample(request: HttpRequest, name: str) -> FileResponse:
    """A sample photo. The name is looked up among the listed ones and never made into a path."""
    found = samples.available().get(name)
    if found is None:
        raise Http404
    return FileResponse(found.path.open("rb"), content_type=found.content_type)
