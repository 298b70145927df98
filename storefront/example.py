"""`/example/`: a page of a shop with the widget, which `make demo` serves. A shop's own page holds no more."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from storefront.widget_file import script

# As strict as a shop's may be. The widget needs script-src, connect-src and img-src of Lamplight's host: here our own.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The page of the product `?sku=`, or of STOREFRONT_EXAMPLE. Raises Http404 where that is not set."""
    if not settings.STOREFRONT_EXAMPLE:
        raise Http404
    found = script()
    context = {
        "sku": request.GET.get("sku") or settings.STOREFRONT_EXAMPLE,
        "key": settings.STOREFRONT_KEY,
        "version": found.version,
        "integrity": found.integrity,
    }
    response = render(request, "storefront/example.html", context)
    response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
