"""What the server refuses before Django sees it, in the API's error shape."""

import json
from html import escape

from django.conf import settings
from waitress.utilities import Error as Reason

from catalog import limits
from catalog.errors import error_body
from catalog.outages import RETRY_AFTER, DiskFull
from config.headers import NOTHING

Answer = tuple[str, list[tuple[str, str]], bytes]
# The codes of what waitress itself refuses, by status.
CODES = {400: "bad_request", 431: "headers_too_large", 500: "error", 501: "not_implemented"}
EXPOSED = ", ".join(settings.CORS_EXPOSE_HEADERS)
# Who asks these is a program.
PROBES = ("/livez", "/readyz", "/metrics")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{seconds}">
<title>One moment</title>
<h1>{detail}</h1>
<p>This page tries again in {seconds} seconds.</p>
</html>
"""


class Refusal(Reason):
    """A status and a reason, as waitress has them, and the error's code and detail."""

    def __init__(self, code: int, reason: str, name: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.reason, self.name = code, reason, name


BUSY = Refusal(503, "Service Unavailable", "busy", "Many customers search right now. Try again in a moment.")
TOO_SLOW = Refusal(408, "Request Timeout", "request_timeout", "The request came too slowly to be waited for.")
UNCHECKED = Refusal(
    503, "Service Unavailable", "database_unavailable", "The database does not answer. Try again in a moment."
)

DISK_FULL = Refusal(DiskFull.status_code, "Insufficient Storage", DiskFull.default_code, DiskFull.default_detail)


def too_large(limit: int) -> Refusal:
    return Refusal(413, "Content Too Large", limits.TOO_LARGE, limits.too_large(limit))


def not_staff(limit: int) -> Refusal:
    detail = f"Only staff who are logged in may send more than {limit // 1_000_000} MB. Log in, and send it again."
    return Refusal(403, "Forbidden", "not_authenticated", detail)


def code_of(error: Reason) -> str:
    return error.name if isinstance(error, Refusal) else CODES.get(error.code, "error")


def answer(error: Reason, path: str) -> Answer:
    """Status, headers and body: JSON, or for a page of a shop that is busy one that loads itself again."""
    name = code_of(error)
    status = f"{error.code} {error.reason}"
    headers = [("Content-Security-Policy", NOTHING)]
    if path.startswith("/api/v1/"):  # A page of another origin may read why, and when to ask again.
        headers += [("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", EXPOSED)]
    if error.code in (503, 507):
        headers.append(("Retry-After", str(RETRY_AFTER)))
    if error.code == 503 and not path.startswith("/api/") and path not in PROBES:
        page = PAGE.format(detail=escape(error.body), seconds=RETRY_AFTER)
        return status, [("Content-Type", "text/html"), *headers], page.encode()
    kind = "server_error" if error.code >= 500 else "client_error"
    return (
        status,
        [("Content-Type", "application/json"), *headers],
        json.dumps(error_body(kind, name, error.body)).encode(),
    )
