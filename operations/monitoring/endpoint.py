"""GET /metrics, for Prometheus and for staff."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from catalog.errors import error_body
from operations.monitoring.scrape import Scrape

HINT = (
    "Send the header Authorization: Bearer TOKEN with the METRICS_TOKEN that this shop was started with, or log in to "
    "the admin as staff."
)
scrape = Scrape()


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All metrics, as Prometheus reads them. 401 for strangers: that there are metrics is no secret, and whoever
    sets up Prometheus is told what is wrong."""
    if not _may_read(request):
        answer = JsonResponse(error_body("client_error", "not_authenticated", HINT), status=401)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    registry = CollectorRegistry()
    registry.register(scrape)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    """The token is looked at first: reading a session needs the database, which may be away."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and settings.METRICS_TOKEN:
        return constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
    return bool(has_session and request.user.is_authenticated and request.user.is_staff)
