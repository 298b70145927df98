"""The WSGI entry point, served by config.web."""

import json
import logging
import os
import traceback
from collections.abc import Iterable
from typing import TYPE_CHECKING

import django
from django.core.exceptions import SuspiciousOperation
from django.views.defaults import ERROR_PAGE_TEMPLATE

from config.cookies import Handler
from config.headers import NOTHING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

logger = logging.getLogger(__name__)
# By these a caller would choose the id under which Sentry keeps what is timed.
TRACE_HEADERS = ("HTTP_SENTRY_TRACE", "HTTP_BAGGAGE")
django.setup(set_prefix=False)
django_application = Handler()


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Django's answer, or a 400 where it fails before any middleware runs.

    A Content-Type that names a charset has Django read the address with it at once.
    """
    for name in TRACE_HEADERS:
        environ.pop(name, None)
    try:
        return django_application(environ, start_response)
    except (LookupError, ValueError, SuspiciousOperation) as error:
        # Nearly always it is the charset. The log has where it was, lest a fault of ours hides behind that.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.warning("A request could not be read: %s in %s:%d", type(error).__name__, place.filename, place.lineno)
        kind = "application/json" if _is_api(environ) else "text/html"
        start_response("400 Bad Request", [("Content-Type", kind), ("Content-Security-Policy", NOTHING)])
        return [_refusal(environ).encode()]


def _is_api(environ: "WSGIEnvironment") -> bool:
    return str(environ["PATH_INFO"]).startswith("/api/")


def _refusal(environ: "WSGIEnvironment") -> str:
    if not _is_api(environ):
        return ERROR_PAGE_TEMPLATE % {"title": "Bad Request (400)", "details": ""}
    from catalog.errors import error_body  # It needs Django to be set up.

    detail = "The address cannot be read in the charset that the Content-Type header names. Send UTF-8."
    return json.dumps(error_body("client_error", "bad_request", detail))
