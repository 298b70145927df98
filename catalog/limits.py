"""Requests too large to be served are refused before their body is read."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse


class RequestSizeMiddleware:
    """413 above settings.MAX_REQUEST_BYTES, in the error shape of the API; the admin has a cap of its own.

    Django reads no more than CONTENT_LENGTH bytes, so the header is all there is to check.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            return refusal(400, "invalid_content_length", "Content-Length is not a number of bytes.")
        limit = allowed_bytes(request.path)
        # Compared by their digits first: int() refuses a text of thousands of them.
        if len(length.lstrip("0")) > len(str(limit)) or int(length) > limit:
            return refusal(413, "request_too_large", f"A request has at most {limit // 1_000_000} MB.")
        return self.get_response(request)


def allowed_bytes(path: str) -> int:
    if path.startswith(reverse("admin:index")):
        return settings.MAX_ADMIN_REQUEST_BYTES
    return settings.MAX_REQUEST_BYTES


def refusal(status: int, code: str, detail: str) -> JsonResponse:
    errors = [{"code": code, "detail": detail, "attr": None}]
    return JsonResponse({"type": "client_error", "errors": errors}, status=status)
