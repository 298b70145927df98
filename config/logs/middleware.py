"""The request's id on its way through Django."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.logs import request_ids

VIEW = "lamplight.view"


class RequestIdMiddleware:
    """Sends the request's id with its answer, and leaves the view's name in the environ for the server's line.

    Our own server has chosen the id, and binds it until the answer is sent (config.web.channel). Others have not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = request_ids.given_or_new(request.headers.get(request_ids.HEADER))
        with request_ids.bound(request_id):
            response = self.get_response(request)
        if request.resolver_match:
            request.META[VIEW] = request.resolver_match.view_name
        response.headers[request_ids.HEADER] = request_id
        return response
