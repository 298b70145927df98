"""Redirects keep the method: to the address with its last slash, and to HTTPS."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin


class SameMethodMiddleware(MiddlewareMixin):
    """Answers with 308 for 301. Clients follow a 301 with GET: a write would become a read, and answer 200."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.status_code == 301:
            response.status_code = 308
        return response


class SlashMiddleware(CommonMiddleware):
    """Django's, but a write without the last slash is sent on, with DEBUG, too."""

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        return request.get_full_path(force_append_slash=True)
