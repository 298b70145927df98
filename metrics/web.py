"""The web server: its lanes, its connections, and what it turned away."""

from prometheus_client import Counter, Gauge

THREADS = Gauge(
    "lamplight_web_lane_threads", "Requests of a lane that are served at once.", ["lane"], multiprocess_mode="livesum"
)
PLACES = Gauge("lamplight_web_lane_places", "Requests of a lane that may wait.", ["lane"], multiprocess_mode="livesum")
PRESENT = Gauge(
    "lamplight_web_lane_requests",
    "Requests of a lane that are served, and that wait.",
    ["lane", "state"],
    multiprocess_mode="livesum",
)
REFUSED = Counter("lamplight_web_lane_refused", "Requests that found their lane full.", ["lane"])
CONNECTIONS = Gauge("lamplight_web_connections", "Open connections.", multiprocess_mode="livesum")
DROPPED = Counter("lamplight_web_connections_dropped", "Connections that were closed since too many were open.")
