"""Decoders: who decodes, who waits for a place, and what became of photos that took too much."""

from prometheus_client import Counter, Gauge, Histogram

from metrics import buckets

PLACES = Gauge("lamplight_decoder_places", "Photos that may be decoded at once.", ["lane"], multiprocess_mode="livesum")
IN_USE = Gauge(
    "lamplight_decoder_places_in_use", "Photos that are being decoded.", ["lane"], multiprocess_mode="livesum"
)
WAITING = Gauge("lamplight_decoder_waiting", "Photos that wait for a place.", ["lane"], multiprocess_mode="livesum")
REFUSED = Counter("lamplight_decoder_refused", "Photos for which no place was free in time.", ["lane"])
PHOTOS = Counter(
    "lamplight_decoder_photos",
    "Photos that were given to decoders: decoded, or refused for a reason such as corrupt or too_costly.",
    ["outcome"],
)
DURATION = Histogram(
    "lamplight_decoder_duration_seconds",
    "Time from bytes to pixels, with the wait for a place.",
    buckets=buckets.SEARCH,
)
DIED = Counter("lamplight_decoders_died", "Decoders that ended in the middle of a photo for no fault of it.")
