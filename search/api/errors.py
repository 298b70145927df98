"""Failures of the parts that search stands on, translated to HTTP once, here."""

import logging

import redis
from django.core.exceptions import BadRequest
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from psycopg_pool import PoolTimeout
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from catalog.errors import Conflict, error_body
from catalog.errors import ExceptionHandler as CatalogExceptionHandler
from ml.images import DecodersBusy
from ml.recipes import WeightsError
from search.explanations import NotExplainable

logger = logging.getLogger(__name__)
RETRY_AFTER = 5  # seconds


class ServiceUnavailable(APIException):
    """503: the request was fine, try it again in a moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The service is not ready. Try again in a moment."
    default_code = "service_unavailable"
    wait = RETRY_AFTER  # DRF sends it as Retry-After.


class ExceptionHandler(CatalogExceptionHandler):
    """Answer 503, not 500, when the database or Redis is down or the model cannot be loaded."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, OperationalError | InterfaceError | PoolTimeout):
            return ServiceUnavailable("The database does not answer. Try again in a moment.", "database_unavailable")
        if isinstance(exc, redis.RedisError):
            return ServiceUnavailable(
                "What was kept for an hour cannot be read. Try again in a moment.", "cache_unavailable"
            )
        if isinstance(exc, DecodersBusy):
            return ServiceUnavailable(str(exc), "decoders_busy")
        if isinstance(exc, WeightsError):
            logger.error("The model cannot be loaded: %s", exc)  # Where files lie is no business of strangers.
            return ServiceUnavailable("The model is not available. Try again later.", "model_unavailable")
        if isinstance(exc, NotExplainable):
            return Conflict(str(exc), "not_explainable")
        return super().convert_known_exceptions(exc)

    def report_exception(self, exc: APIException, response: Response) -> None:
        """A 503 is a line in the log, not a traceback: its cause is elsewhere, and it may come in hundreds."""
        if isinstance(exc, ServiceUnavailable):
            logger.warning("503: %s", exc.detail)
        else:
            super().report_exception(exc, response)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist: in the API's error shape below /api/, with Django's page elsewhere."""
    if request.path.startswith("/api/"):
        return _as_json("client_error", "not_found", "There is nothing at this address: see /api/docs/.", 404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that is refused before any view, such as one for another host."""
    if request.path.startswith("/api/"):
        # What Django suspects is told to the log alone.
        told = isinstance(exception, BadRequest) and str(exception)
        return _as_json("client_error", "bad_request", told or "This site does not answer such a request.", 400)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a failure outside the API's own views, in the same two shapes."""
    if request.path.startswith("/api/"):
        return _as_json("server_error", "error", "Something went wrong on our side; it has been logged.", 500)
    return defaults.server_error(request)


def _as_json(kind: str, code: str, detail: str, status: int) -> JsonResponse:
    return JsonResponse(error_body(kind, code, detail), status=status)
