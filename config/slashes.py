"""Addresses without their last slash."""

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware


class SameMethodRedirect(HttpResponsePermanentRedirect):
    """Clients follow a 301 with GET, so that a write would become a read, and answer 200. A 308 keeps the method."""

    status_code = 308


class SlashMiddleware(CommonMiddleware):
    """Django's, but a write without the last slash is sent on as the write it is, with DEBUG, too."""

    response_redirect_class = SameMethodRedirect

    def get_full_path_with_slash(self, request: HttpRequest) -> str:
        return request.get_full_path(force_append_slash=True)
