"""The WSGI entry point, served by gunicorn."""

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_application = get_wsgi_application()
DETAIL = "The Content-Type header names no encoding that there is."
BAD_HEADER = {"type": "client_error", "errors": [{"code": "bad_request", "detail": DETAIL, "attr": None}]}


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Django, and a 400 where it fails before any middleware: on a malformed Content-Type."""
    try:
        return django_application(environ, start_response)
    except (LookupError, ValueError):
        start_response("400 Bad Request", [("Content-Type", "application/json")])
        return [json.dumps(BAD_HEADER).encode()]
