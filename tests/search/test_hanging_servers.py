"""A whole site whose servers are stopped in the middle of its life: customers get an answer, and soon."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from config.settings import BASE_DIR
from config.stack.site import COMMANDS
from tests.config.embedded.processes import servers
from tests.installation import Installation, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PHOTO = (BASE_DIR / "demo" / "catalog" / "photos" / "LAM-001-1.webp").read_bytes()


@dataclass(frozen=True)
class Site:
    var: Path
    url: str


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    port = free_port()
    var = tmp_path_factory.mktemp("site")
    with Installation(
        var, PORT=str(port), SEARCH_THROTTLE="1000/min", TEXT_ENCODER="none", METRICS_TOKEN="a token of the shop"
    ) as installation:
        installation.start("-m", *COMMANDS["web"])
        site = Site(var, f"http://127.0.0.1:{port}")
        wait_for(lambda: is_ready(site), "the site")
        yield site


def is_ready(site: Site) -> bool:
    try:
        return requests.get(f"{site.url}/readyz", timeout=30).ok
    except requests.RequestException:
        return False


def search(site: Site) -> tuple[int, str, float]:
    """The status, Retry-After and the seconds of a search."""
    begun = time.monotonic()
    answer = requests.post(f"{site.url}/api/v1/search/", files={"image": PHOTO}, timeout=60)
    return answer.status_code, answer.headers.get("Retry-After", ""), time.monotonic() - begun


@contextmanager
def stopped(site: Site, server: str) -> Iterator[None]:
    pids = servers(site.var, server)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_while_postgresql_hangs_every_page_answers_503_within_seconds(site):
    with stopped(site, "postgresql"):
        answers = [search(site) for _ in range(3)]
        page = requests.get(f"{site.url}/admin/login/", cookies={"sessionid": "a" * 32}, timeout=60)
        told, seconds = metrics(site)
    assert {"lamplight_database_up 0.0", "lamplight_redis_up 1.0"} <= told
    assert seconds < 8  # It waits for three.
    assert [(status, retry) for status, retry, _ in answers] == [(503, "5")] * 3
    assert max(seconds for *_, seconds in answers) < 8  # 4 s on a machine that does nothing else.
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "The database does not answer." in page.text
    wait_for(lambda: search(site)[0] == 200, "a search")


def metrics(site: Site) -> tuple[set[str], float]:
    """The lines of /metrics, and the seconds that they took."""
    begun = time.monotonic()
    answer = requests.get(f"{site.url}/metrics", headers={"Authorization": "Bearer a token of the shop"}, timeout=60)
    assert answer.status_code == 200
    return set(answer.text.splitlines()), time.monotonic() - begun


def test_while_redis_hangs_searches_go_on(site):
    with stopped(site, "redis"):
        status, _, seconds = search(site)
        wait_for(lambda: "lamplight_redis_up 0.0" in metrics(site)[0], "the metrics")  # An answer is kept for a while.
        assert "lamplight_database_up 1.0" in metrics(site)[0]
    assert status == 200
    assert seconds < 6
