"""Requests that cannot be served are refused before their body is read."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest, DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from catalog.errors import error_body

logger = logging.getLogger(__name__)
TOO_LARGE = "request_too_large"


class RequestSizeMiddleware:
    """Answers a request above settings.MAX_REQUEST_BYTES with a 413, in the error shape of the API.

    Two forms of the admin have caps of their own for requests with a session cookie. Whether the session is a good one,
    the server asks before it reads such a body (config.web.staff_uploads).
    Django reads no more than CONTENT_LENGTH bytes, so the header is all there is to check.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            return refusal(400, "invalid_content_length", "Content-Length is not a number of bytes.")
        limit = allowed_bytes(request.path, request.content_type or "", settings.SESSION_COOKIE_NAME in request.COOKIES)
        # The number of digits is compared first: int() refuses a text of thousands of digits.
        if len(length.lstrip("0")) > len(str(limit)) or int(length) > limit:
            return refusal(413, TOO_LARGE, too_large(limit))
        return self.get_response(request)


class RequestHeadersMiddleware:
    """Refuses a request for another site, or whose Content-Type names another charset than UTF-8. handler400 answers.

    Django decodes address, form and JSON with any codec that Python has. Some are none of texts (hex, zlib_codec), and
    others (idna) fail wherever a parameter is read, in the pages of errors as well. A wrong Host is refused here so
    that it is one line of the log: where Django meets it, it logs a second.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = (request.content_params or {}).get("charset", "utf-8")
        if charset.lower() not in {"utf-8", "utf8"}:
            request.encoding = "utf-8"  # Who answers may read the parameters.
            raise BadRequest("Send text in UTF-8: the Content-Type header names another charset.")
        try:
            request.get_host()
        except DisallowedHost as error:
            logger.warning("%s", error)
            raise BadRequest(str(error)) from error
        return self.get_response(request)


def allowed_bytes(path: str, content_type: str, has_session: bool) -> int:
    """The most bytes of a body sent to `path`. The server reads it by the same rule (config.web.request)."""
    if content_type != "multipart/form-data" or not has_session:
        return settings.MAX_REQUEST_BYTES
    if path == reverse("admin:catalog_import_add"):
        return settings.MAX_IMPORT_REQUEST_BYTES
    products = reverse("admin:catalog_product_changelist")
    if path.startswith(products) and path.endswith(("/add/", "/change/")):
        return settings.MAX_ADMIN_REQUEST_BYTES
    return settings.MAX_REQUEST_BYTES


def too_large(limit: int) -> str:
    return f"A request has at most {limit // 1_000_000} MB."


def refusal(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse(error_body("client_error", code, detail), status=status)
