"""One line and one count per request, also of those that the server refuses itself."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from access.authentication import PREFIX
from config.logs.middleware import VIEW
from config.web.request import Request
from metrics import refusals, requests

logger = logging.getLogger(__name__)
# Who watches the shop asks every few seconds. Only what goes wrong is told.
UNTOLD = ("/livez", "/readyz", "/metrics")


def write(request: Request, status: str, environ: Mapping[str, Any]) -> None:
    """Count a request that was answered with `status`, and write its line. The query string is the customer's own."""
    code, seconds = int(status[:3]), time.monotonic() - request.came_at
    requests.count(request.command, environ.get(VIEW), code, seconds, environ.get(refusals.REASON))
    if request.path in UNTOLD and code < 400:
        return
    fields = {
        "method": request.command,
        "path": request.path.encode("latin-1").decode(errors="replace"),  # As WSGI has it.
        "view": environ.get(VIEW),
        "key": environ.get(PREFIX),
        "status": code,
        "ms": round(1000 * seconds, 1),
    }
    logger.info("request", extra={"fields": fields})
