"""Photos at web addresses: what became of asking, how long servers took, how much came."""

from prometheus_client import Counter, Histogram

from metrics import buckets

ADDRESSES = Counter(
    "lamplight_fetching_addresses",
    "Web addresses of photos that were asked, by what became of it: added, changed, unchanged, overtaken, or the code "
    "of a failure such as not_found, timed_out, refused_address, no_photo.",
    ["outcome"],
)
DURATION = Histogram(
    "lamplight_fetching_request_duration_seconds",
    "Time until an address was answered or given up, redirects included.",
    buckets=buckets.WORK,
)
BYTES = Counter("lamplight_fetching_bytes", "Bytes of photos that came from web addresses.")


def count(outcome: str) -> None:
    """Count an address. The outcomes and codes are ours: a server writes none of them."""
    ADDRESSES.labels(outcome).inc()
