"""The live space is swapped, rolled back and dropped under a stream of searches: real processes, true encoders."""

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from PIL import Image

from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
FIRST, SECOND = "efficientnet_lite0-random", "second"


def picture(number: int) -> Image.Image:
    """Lamps are a mosaic of reds, beds of blues. Stored as JPEG, each stays most like itself to untrained networks."""
    shades = np.random.default_rng(number).integers(0, 160, (4, 4, 3), np.uint8)
    shades[..., 0 if number % 2 else 2] = 220
    return Image.fromarray(shades).resize((448, 448), Image.Resampling.NEAREST)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Installation]:
    """24 photos, a worker and a web server; as many photos again wait in another folder."""
    for number in range(48):
        folder = tmp_path / ("photos" if number < 24 else "more") / ("lamp" if number % 2 else "bed")
        folder.mkdir(parents=True, exist_ok=True)
        picture(number).save(folder / f"{number:03}.png")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with Installation(tmp_path / "var", PORT=port, SEARCH_THROTTLE="off", OMP_NUM_THREADS="1") as installation:
        installation.manage("import_catalog", str(tmp_path / "photos"))
        installation.worker()
        installation.start("-m", "config.web")
        yield installation


class Customers(threading.Thread):
    """Search one photo after the other until told to stop; every first hit is kept, by space and photo.

    They leave half of the time to the worker.
    """

    def __init__(self, url: str, photos: list[Path]) -> None:
        super().__init__(daemon=True)
        self.url, self.photos = url, photos
        self.stopped = threading.Event()
        self.failures: list[str] = []
        self.answers: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)

    def run(self) -> None:
        while not self.stopped.is_set():
            for photo in self.photos:
                self.ask(photo)

    def ask(self, photo: Path) -> None:
        begun = time.monotonic()
        try:
            answer = requests.post(self.url, files={"image": photo.read_bytes()}, data={"limit": 1}, timeout=60)
            answer.raise_for_status()
            body = answer.json()
            [hit] = body["results"]
        except (requests.RequestException, ValueError) as error:
            self.failures.append(repr(error))
        else:
            self.answers[body["space"], photo.name].append((hit["product"]["sku"], hit["similarity"]))
        self.stopped.wait(time.monotonic() - begun)

    def count(self, space: str) -> int:
        return sum(len(answers) for (name, _), answers in self.answers.items() if name == space)


def test_searches_go_on_through_build_activation_roll_back_and_drop(shop, tmp_path):
    url = f"http://127.0.0.1:{shop.environment['PORT']}"
    wait_for(lambda: shop.count("search_head") == 1, "the live space built and its head trained")
    wait_for(lambda: ready(url), "the web server")
    customers = Customers(f"{url}/api/v1/search/", sorted((tmp_path / "photos" / "lamp").glob("*.png"))[:3])
    customers.start()
    asked_until(customers, FIRST, 3)

    shop.manage("create_space", SECOND, "--backbone", "resnet18")
    shop.manage("activate_space", SECOND, "--wait")
    assert progress(shop) == 1
    asked_until(customers, SECOND, 6)
    shop.manage("import_catalog", str(tmp_path / "more"))
    shop.manage("activate_space", FIRST)  # It lacks some of the new photos, or all.
    asked_until(customers, FIRST, customers.count(FIRST) + 6)
    shop.manage("activate_space", SECOND)
    shop.manage("drop_space", FIRST, "--noinput")
    asked_until(customers, SECOND, customers.count(SECOND) + 6)
    customers.stopped.set()
    customers.join(60)

    assert customers.failures == []
    assert {space for space, _ in customers.answers} == {FIRST, SECOND}
    for (space, photo), answers in customers.answers.items():
        # A mixed answer would differ from the others of its space, in products or in similarities.
        assert all(answer == answers[0] for answer in answers), (space, photo)
        assert answers[0][0] == f"lamp-{Path(photo).stem}"
    assert shop.rows("SELECT name, state FROM search_space") == [(SECOND, "live")]
    wait_for(lambda: shop.count("search_embedding") == 48, "the photos that came meanwhile indexed")
    assert shop.rows("SELECT DISTINCT space_id FROM search_embedding") == shop.rows("SELECT id FROM search_space")


def ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=60).ok
    except requests.ConnectionError:
        return False


def asked_until(customers: Customers, space: str, count: int) -> None:
    wait_for(lambda: customers.count(space) >= count, f"{count} answers from {space}")


def progress(shop: Installation) -> float:
    rows = json.loads(shop.manage("spaces", "--json", "--fast"))
    return next(float(row["progress"]) for row in rows if row["space"] == SECOND)
