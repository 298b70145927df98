"""A real worker that fetches: woken by an import, killed in the middle, told to stop while servers say nothing."""

import csv
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.catalog.fetching.web_server import Request, WebServer
from tests.conftest import picture
from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PHOTOS = 24
WORKER = ("-m", "celery", "-A", "config", "worker", "-Q", "fetching", "--concurrency", "1", "--loglevel", "INFO")
LEASES_OVER = "from catalog.models import PhotoAddress; PhotoAddress.objects.filter(state='waiting').ask_again()"


@pytest.fixture
def killed() -> threading.Event:
    """Whether the first worker was killed. The server sends only half of the photos before."""
    return threading.Event()


@pytest.fixture
def web(killed) -> Iterator[WebServer]:
    def slowly(request: Request) -> None:
        if len(server.asked) > PHOTOS // 2:
            killed.wait(60)
        request.answer(200, picture((10 * int(request.target[1:-4]), 90, 30)))

    with WebServer() as server:
        for number in range(PHOTOS):
            server.does(f"/{number}.png", slowly)
        server.does("/silent.png", lambda request: server.over.wait(20))
        yield server


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Installation]:
    with Installation(tmp_path / "var", FETCH_NETWORKS="127.0.0.1/32", FETCH_HTTP="1") as installation:
        yield installation


def catalogue(tmp_path: Path, web: WebServer, paths: list[str]) -> str:
    path = tmp_path / "catalog.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sku", "name", "category", "image"])
        for number, photo in enumerate(paths):
            writer.writerow([f"LAMP-{number}", "Lamp", "Lamp", web.url(photo).replace("://", "://me:secret-7@")])
    return str(path)


def number(shop: Installation, state: str) -> int:
    [(count,)] = shop.rows(f"SELECT count(*) FROM catalog_photoaddress WHERE state = '{state}'")
    return int(count)


def test_a_worker_killed_in_the_middle_loses_nothing_and_one_told_to_stop_stops(shop, web, killed, tmp_path):
    worker = shop.start(*WORKER)
    wait_for(lambda: " ready." in shop.log(), "the worker")
    shop.manage("import_catalog", catalogue(tmp_path, web, [f"/{n}.png" for n in range(PHOTOS)]))
    wait_for(lambda: number(shop, "fetched") > 4, "the import to wake the worker, and some photos")
    maps = "".join(path.read_text() for path in Path("/proc").glob("[0-9]*/maps") if is_of(path, worker.pid))
    assert "libtorch" not in maps
    assert "libopenvino" not in maps
    shop.kill(worker)
    killed.set()
    fetched = number(shop, "fetched")
    assert number(shop, "waiting") == PHOTOS - fetched > 0

    shop.manage("shell", "-c", LEASES_OVER)
    worker = shop.start(*WORKER)
    wait_for(lambda: number(shop, "fetched") == PHOTOS, "every photo")
    [(photos, products)] = shop.rows("SELECT count(*), count(DISTINCT product_id) FROM catalog_photo")
    assert (photos, products) == (PHOTOS, PHOTOS)
    assert len(web.asked) <= PHOTOS + 12  # Those that were under way or just answered are asked twice.

    shop.manage("import_catalog", catalogue(tmp_path, web, ["/silent.png"]))
    wait_for(lambda: "/silent.png" in web.targets, "the server that says nothing")
    begun = time.monotonic()
    shop.kill(worker, signal.SIGTERM)
    assert worker.wait(10) == 0
    assert time.monotonic() - begun < 8
    [(due,)] = shop.rows("SELECT count(*) FROM catalog_photoaddress WHERE state = 'waiting' AND due_at <= now()")
    assert due == 1
    assert "secret-7" not in shop.log()


def is_of(maps: Path, leader: int) -> bool:
    """Whether a process is of the worker: its children are in its session."""
    try:
        return maps.with_name("stat").read_text().rpartition(")")[2].split()[3] == str(leader)
    except OSError:
        return False
