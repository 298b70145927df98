"""Requests: what each was answered with, and how long that took. The web server counts them, whoever answers."""

from prometheus_client import Counter, Histogram

from metrics import buckets, refusals

REQUESTS = Counter(
    "lamplight_http_requests",
    "Requests, by view (none: an address that does not exist, a file, or one refused before), by method (read or "
    "write), and by status.",
    ["view", "method", "status"],
)
DURATION = Histogram(
    "lamplight_http_request_duration_seconds",
    "Time from the last byte of a request to the last of its answer, with the wait in its lane.",
    ["view", "method"],
    buckets=buckets.REQUEST,
)
READS = ("GET", "HEAD", "OPTIONS")


def count(method: str, view: str | None, status: int, seconds: float, reason: str | None) -> None:
    """`view` is the name of a URL. The admin has a hundred, which are one here. `reason` as refusals.note was told."""
    named = "admin" if view and view.startswith("admin:") else view or "none"
    kind = "read" if method in READS else "write"  # A stranger may make up methods.
    REQUESTS.labels(named, kind, status).inc()
    DURATION.labels(named, kind).observe(seconds)
    refusals.count(status, reason)
