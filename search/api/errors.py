"""Failures of the parts that search stands on, translated to HTTP once, here."""

import logging
import sys
from collections.abc import Callable

import redis
from django.core.exceptions import BadRequest, DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.views import defaults
from kombu.exceptions import OperationalError as BrokerError

from catalog.errors import Conflict, error_body
from catalog.errors import ExceptionHandler as CatalogExceptionHandler
from catalog.outages import Outage, outage
from metrics import refusals
from ml.recipes import WeightsError
from search.explanations import NotExplainable

logger = logging.getLogger(__name__)


class ServiceUnavailable(Outage):
    """503: a part of the search is not ready."""


class ExceptionHandler(CatalogExceptionHandler):
    """Answer 503, not 500, when Redis is down or the model cannot be loaded."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, redis.RedisError):
            return ServiceUnavailable(
                "What was kept for an hour cannot be read. Try again in a moment.", "cache_unavailable"
            )
        if isinstance(exc, WeightsError):
            logger.error("The model cannot be loaded: %s", exc)  # Where files lie is no business of strangers.
            return ServiceUnavailable("The model is not available. Try again later.", "model_unavailable")
        if isinstance(exc, NotExplainable):
            return Conflict(str(exc), "not_explainable")
        return super().convert_known_exceptions(exc)


class OutageMiddleware:
    """Answers an outage that no view of the API met: in the admin, on a page of the shop."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        known = outage(exception) or _of_redis(exception)
        return _told(request, known) if known else None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist: in the API's error shape below /api/, with Django's page elsewhere."""
    if request.path.startswith("/api/"):
        return _as_json("client_error", "not_found", "There is nothing at this address: see /api/docs/.", 404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that is refused before any view, such as one for another host."""
    if request.path.startswith("/api/"):
        # What Django suspects is told to the log alone.
        is_ours = isinstance(exception, BadRequest) and not isinstance(exception.__cause__, DisallowedHost)
        told = str(exception) if is_ours else ""
        return _as_json("client_error", "bad_request", told or "This site does not answer such a request.", 400)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure outside the API's own views, in the same two shapes.

    An outage that a middleware met, such as one that reads the session or a large form, comes here.
    """
    failure = sys.exception()
    if known := outage(failure) or _of_redis(failure):
        return _told(request, known)
    if request.path.startswith("/api/"):
        return _as_json("server_error", "error", "Something went wrong on our side; it has been logged.", 500)
    return defaults.server_error(request)


def _of_redis(error: BaseException | None) -> Outage | None:
    if isinstance(error, redis.RedisError | BrokerError):
        return ServiceUnavailable("Redis does not answer. Try again in a moment.", "redis_unavailable")
    return None


def _told(request: HttpRequest, known: Outage) -> HttpResponse:
    """One line in the log, not a traceback: the cause is elsewhere, and it may come in hundreds."""
    logger.warning("%s: %s", known.status_code, known.cause or known.detail)
    refusals.note(request.META, str(known.get_codes()))
    if request.path.startswith("/api/"):
        answer: HttpResponse = _as_json("server_error", str(known.get_codes()), str(known.detail), known.status_code)
    else:
        # Without the request: a context processor might ask what is away.
        answer = HttpResponse(render_to_string("outage.html", {"told": known.detail}), status=known.status_code)
    answer["Retry-After"] = str(known.wait)
    return answer


def _as_json(kind: str, code: str, detail: str, status: int) -> JsonResponse:
    return JsonResponse(error_body(kind, code, detail), status=status)
