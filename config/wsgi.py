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


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Django's answer, or a 400 if Django fails before any middleware runs: on a malformed Content-Type."""
    try:
        return django_application(environ, start_response)
    except (LookupError, ValueError):
        from catalog.errors import error_body  # It needs Django to be set up.

        body = error_body("client_error", "bad_request", "The Content-Type header names no encoding that there is.")
        start_response("400 Bad Request", [("Content-Type", "application/json")])
        return [json.dumps(body).encode()]
