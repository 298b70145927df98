"""What no database could hold, and a page that no list has, are the sender's mistakes, anywhere in the admin."""

from collections.abc import Callable

from django.core.paginator import InvalidPage
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.views import defaults

# Django looks neither into the text of an autocompletion nor into the page of a search in all models.
MISTAKES = (DataError, InvalidPage)


class BadRequestMiddleware:
    """Answers them with a page that says 400. The API answers its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return defaults.bad_request(request, exception) if isinstance(exception, MISTAKES) else None
