"""What was refused, at whichever door."""

from prometheus_client import Counter

REFUSALS = Counter(
    "lamplight_refusals",
    "Requests that were refused, by the error's code as the answer has it, such as busy, throttled, too_costly, "
    "decoders_busy, database_unavailable, and too_many_logins.",
    ["reason"],
)


def count(reason: str) -> None:
    """`reason` is a code of ours: it never holds what a stranger sent."""
    REFUSALS.labels(reason).inc()
