"""The catalogue's refusals over HTTP, all in the one error shape of the API."""

import logging
from typing import Any

import psycopg
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import DataError, IntegrityError
from drf_standardized_errors import handler
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.response import Response

from access import usage
from access.authentication import KeyRefused
from catalog.outages import Outage, outage
from metrics import refusals

logger = logging.getLogger(__name__)


def error_body(kind: str, code: str, detail: str) -> dict[str, Any]:
    """The API's one error shape, for an error of the request as a whole; `kind` is client_error or server_error."""
    return {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None}]}


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The request is too large."


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"
    default_detail = "Another change came first. Read the current state, then try again."


class ExceptionHandler(handler.ExceptionHandler):
    """Answers refusals of Django and PostgreSQL that DRF does not know. Without it each would be a 500."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, RequestDataTooBig):
            return TooLarge()
        if isinstance(exc, SuspiciousOperation):  # too many files or fields in one form
            return ParseError(str(exc))
        if isinstance(exc, DataError):
            return ParseError("The request has text or a number that no database could hold, such as the sign NUL.")
        if isinstance(exc, IntegrityError) and isinstance(
            exc.__cause__, psycopg.errors.UniqueViolation | psycopg.errors.ForeignKeyViolation
        ):
            # Validators saw no clash, so the other row was written or removed in between.
            return Conflict()
        return outage(exc) or super().convert_known_exceptions(exc)

    def report_exception(self, exc: APIException, response: Response) -> None:
        """An outage is a line in the log, not a traceback: its cause is elsewhere, and it may come in hundreds."""
        if request := self.context["request"]:
            refusals.note(request.META, response.data["errors"][0]["code"])
        if isinstance(exc, KeyRefused):
            usage.count(exc.key, usage.REFUSALS)
        if isinstance(exc, Outage):
            logger.warning("%s: %s", exc.status_code, exc.cause or exc.detail)
        else:
            super().report_exception(exc, response)
