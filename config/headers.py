"""What browsers may do with an answer: headers for every page that does not send its own."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

_CLOSED = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
# The admin is django-unfold's: Alpine evaluates what its templates write, and both of them set styles in place.
ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    f"img-src 'self' data: blob:; {_CLOSED}"
)
# Swagger UI sets styles in place and draws with data: images.
DOCS = f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; {_CLOSED}"
# JSON, photos and errors are no pages: whatever they hold, nothing of it is run.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
POLICIES = {"/admin/": ADMIN, "/api/docs/": DOCS}
# No page needs them. A photo is chosen as a file, so that no page asks for the camera either.
PERMISSIONS = ", ".join(f"{name}=()" for name in ("camera", "geolocation", "microphone", "payment", "usb"))


class HeadersMiddleware:
    """Adds Content-Security-Policy, Permissions-Policy and Cross-Origin-Resource-Policy.

    Other sites may show the shop's photos: a frontend on another domain has to. All else is for this site's own pages,
    and for clients that are no browsers. SecurityMiddleware sends Cross-Origin-Opener-Policy.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if settings.DEBUG and response.status_code >= 400:  # Django's own pages of errors have inline scripts.
            return response
        if not request.path.startswith(settings.STATIC_URL):  # WhiteNoise's own: any site may use these.
            is_photo = request.path.startswith(settings.MEDIA_URL)
            response.headers.setdefault("Content-Security-Policy", policy(request.path))
            response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if is_photo else "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response


def policy(path: str) -> str:
    """The Content-Security-Policy of the answers at an address."""
    return next((rules for start, rules in POLICIES.items() if path.startswith(start)), NOTHING)
