"""What was refused for who asked or for how busy the shop is: not what was wrong in itself, such as a missing field."""

from collections.abc import MutableMapping
from typing import Any

from prometheus_client import Counter

REFUSALS = Counter(
    "lamplight_refusals",
    "Requests that were refused, by the error's code as the answer has it, such as busy, throttled, decoders_busy, "
    "database_unavailable, and too_many_logins.",
    ["reason"],
)
# The statuses of refusals, with the reason where the answer is a page and has no code.
REASONS = {
    403: "forbidden",
    408: "request_timeout",
    413: "request_too_large",
    429: "throttled",
    431: "headers_too_large",
    503: "unavailable",
    507: "storage_full",
}
REASON = "lamplight.refusal"
TOO_MANY_LOGINS = "too_many_logins"


def note(environ: MutableMapping[str, Any], code: str) -> None:
    """Tell the web server, which counts, why a request is refused. A code of ours: never what a stranger sent."""
    environ[REASON] = code


def count(status: int, reason: str | None) -> None:
    """Count an answer if it is a refusal. A form that says no with a 200 is one if it noted a reason."""
    if status in REASONS or reason == TOO_MANY_LOGINS:
        REFUSALS.labels(reason or REASONS[status]).inc()
