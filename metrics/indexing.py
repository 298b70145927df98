"""Indexing: what became of photos, and how long it took."""

from collections.abc import Mapping

from prometheus_client import Counter, Histogram

from metrics import buckets

PHOTOS = Counter(
    "lamplight_indexing_photos",
    "Photos that were settled: embedded, copied (a vector was there, of another category or space), or rejected.",
    ["outcome"],
)
STAGE_DURATION = Histogram(
    "lamplight_indexing_stage_duration_seconds",
    "Time that each stage of a batch took: decode (waiting for photos), embed (with those waits but the first), store, "
    "and the whole batch.",
    ["stage"],
    buckets=buckets.WORK,
)


def observe(stages: Mapping[str, float], **outcomes: int) -> None:
    """Count a batch: seconds of each stage, and photos of each outcome."""
    for stage, seconds in stages.items():
        STAGE_DURATION.labels(stage).observe(seconds)
    for outcome, photos in outcomes.items():
        PHOTOS.labels(outcome).inc(photos)
