"""The page a visitor searches on, and the sample photos it offers."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from storefront import samples

# Two rows of five on a desk, a strip on a phone.
SAMPLES_SHOWN = 10

# Scripts and styles come from our files alone; blob: is the visitor's own photo, shown before it is sent.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    context = {
        "samples": samples.spread(samples.available().values(), SAMPLES_SHOWN),
        "max_bytes": settings.MAX_REQUEST_BYTES,
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
