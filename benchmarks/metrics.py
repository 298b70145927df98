"""What counting costs: searches with and without it, side by side, and a scrape.

Two web servers on one small shop answer the same search in turn. One of them counts nothing: prometheus_client's values
are replaced by ones that do nothing.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from django.conf import settings

from benchmarks.shop import data_folder
from benchmarks.web import PHOTO, SEARCH_PATH, parser, prepare
from metrics import shared

EXAMPLES = "Example: python -m benchmarks.metrics --searches 500"
TOKEN = "of-the-benchmark"
# What a server does that counts nothing.
SILENT = """
from prometheus_client import metrics, values
class Nothing(values.MutexValue):
    def inc(self, amount): pass
    def set(self, value, timestamp=None): pass
    def get(self): return 0
values.ValueClass = Nothing
metrics.Histogram.observe = metrics.Counter.inc = metrics.Gauge.set = lambda *arguments, **options: None
metrics.Gauge.inc = metrics.Gauge.dec = lambda *arguments, **options: None
metrics.MetricWrapperBase.labels = lambda self, *arguments, **options: self
metrics.MetricWrapperBase._raise_if_not_observable = lambda self: None
from metrics import shared
shared.count_as = lambda *arguments: None
from config.web.__main__ import bound, serve
serve(bound())
"""


def main() -> None:
    made = parser("metrics", __doc__, EXAMPLES)
    made.add_argument("--searches", type=int, default=300, help="of each server (300)")
    options = made.parse_args()
    with data_folder(options.weights):
        os.environ["METRICS_TOKEN"] = TOKEN
        shared.count_as("benchmark", settings.METRICS_ROOT)
        prepare()
        alone()
        with server("-m", "config.web") as counting, server("-c", SILENT) as silent:
            measure(counting, silent, options.searches)


def alone(rounds: int = 2000) -> None:
    """What a search by photo counts, done by itself: it hardly depends on what else the machine does."""
    from metrics import decoders, searches, web
    from metrics import requests as counted

    stages = dict.fromkeys(("decode", "encode", "gate", "search", "total"), 1.0)
    answer = {"timings_ms": stages, "gate": {"mode": "classifier", "low_confidence": False}}
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        counted.count("POST", "search", 200, 0.05, None)
        searches.observe("photo", 200, answer, has_results=True)
        with decoders.WAITING.labels("quick").track_inprogress(), decoders.DURATION.time():
            decoders.IN_USE.labels("quick").inc()
        decoders.IN_USE.labels("quick").dec()
        decoders.PHOTOS.labels("decoded").inc()
        for present in (1, 0):
            web.PRESENT.labels("search", "served").set(present)
            web.PRESENT.labels("search", "waiting").set(0)
        taken.append(1000 * (time.perf_counter() - begun))
    print(f"what a search counts, by itself: {statistics.median(taken):.3f} ms")


@contextmanager
def server(*command: str) -> Iterator[str]:
    """The address of a web server that is ready."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, *command], env={**os.environ, "PORT": str(port)})
    try:
        url = f"http://127.0.0.1:{port}"
        while not is_ready(url):
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=60).ok
    except requests.ConnectionError:
        return False


def measure(counting: str, silent: str, searches: int) -> None:
    photo, session = PHOTO.read_bytes(), requests.Session()
    taken: dict[str, list[float]] = {counting: [], silent: []}
    for number in range(searches + 20):
        for url in (counting, silent) if number % 2 else (silent, counting):
            begun = time.perf_counter()
            assert session.post(url + SEARCH_PATH, files={"image": photo}, timeout=60).ok
            if number >= 20:  # The first ones warm up.
                taken[url].append(1000 * (time.perf_counter() - begun))
    with_, without = (statistics.median(taken[url]) for url in (counting, silent))
    differences = [one - other for one, other in zip(taken[counting], taken[silent], strict=True)]
    print(f"a search, median: {with_:.2f} ms with counting, {without:.2f} ms without ({with_ / without:.3f} times)")
    print(f"the median difference of two searches in turn: {statistics.median(differences):+.2f} ms")
    scrapes = [scrape(session, counting) for _ in range(30)]
    print(
        f"a scrape, median: {statistics.median(scrapes):.1f} ms, while others are kept; the slowest {max(scrapes):.1f}"
    )


def scrape(session: requests.Session, url: str) -> float:
    begun = time.perf_counter()
    assert session.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60).ok
    return 1000 * (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
