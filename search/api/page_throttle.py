"""How often an address may ask for pages and photos. What the API answers is counted by its views (throttles)."""

import math
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.urls import is_valid_path

from catalog.errors import error_body
from search.api.throttles import address, rate

# A page of the shop shows up to thirty of them.
PHOTOS = ("/media/", "/samples/", "/admin/catalog/product/thumbnail/")
# They are asked every few seconds, and have threads of their own.
PROBES = ("/livez", "/readyz", "/metrics")


class PageThrottleMiddleware:
    """Answers 429 in words, above PAGE_THROTTLE or PHOTO_THROTTLE.

    Each process counts for itself: a page and a photo take less time than to ask Redis. Staff are counted as well: to
    know them takes the database. WhiteNoise answers what is below /static/ before.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if seconds := math.ceil(_wait(request)):
            return _refusal(request, seconds)
        return self.get_response(request)


def _wait(request: HttpRequest) -> float:
    """Seconds until the request may be served; 0: now."""
    if request.path in PROBES or (_is_below_api(request) and is_valid_path(request.path_info)):
        return 0
    kind, given = "page", settings.PAGE_THROTTLE
    if request.path.startswith(PHOTOS):
        kind, given = "photo", settings.PHOTO_THROTTLE
    limit = rate(given)
    return limit.take_here(f"{kind}:{address(request)}") if limit else 0


def _is_below_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _refusal(request: HttpRequest, seconds: int) -> HttpResponse:
    unit = "second" if seconds == 1 else "seconds"
    told = f"Very many pages or photos were asked for from here in a short time. Try again in {seconds} {unit}."
    answer: HttpResponse
    if _is_below_api(request):
        answer = JsonResponse(error_body("client_error", "throttled", told), status=429)
    else:
        answer = HttpResponse(render_to_string("outage.html", {"told": told}), status=429)
    answer["Retry-After"] = str(seconds)
    return answer
