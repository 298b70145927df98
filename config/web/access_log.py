"""One line per request, also of those that the server refuses itself."""

import logging
import time
from collections.abc import Mapping
from typing import Any

from config.logs.middleware import VIEW
from config.web.request import Request

logger = logging.getLogger(__name__)
# Who watches the shop asks every few seconds. Only what goes wrong is told.
UNTOLD = ("/livez", "/readyz", "/metrics")


def write(request: Request, status: str, environ: Mapping[str, Any]) -> None:
    """Write the line of a request that was answered with `status`. The query string is the customer's own."""
    code = int(status[:3])
    if request.path in UNTOLD and code < 400:
        return
    fields = {
        "method": request.command,
        "path": request.path.encode("latin-1").decode(errors="replace"),  # As WSGI has it.
        "view": environ.get(VIEW),
        "status": code,
        "ms": round(1000 * (time.monotonic() - request.came_at), 1),
    }
    logger.info("request", extra={"fields": fields})
