"""A whole stack whose parts are killed and stopped one after the other, and a shop that goes on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from benchmarks.faults.activities import fill_folder
from benchmarks.faults.customers import Customers
from config.settings import BASE_DIR
from tests.config.stack.test_stack import RunningStack
from tests.conftest import picture
from tests.installation import BACKBONE, lay_out, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
# What stands still is found after 5 s instead of a minute.
IMPATIENT = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from config.stack import __main__, part, supervisor
part.HANGS_SECONDS, supervisor.LOOK_SECONDS = 5, 1
__main__.main()
"""
PARTS = ("worker", "maintenance", "fetching", "beat", "web")


class Shop:
    """A shop whose staff upload photos while its processes suffer."""

    def __init__(self, stack: RunningStack, token: str) -> None:
        self.stack = stack
        self.api = f"{stack.url}/api/v1"
        self.staff = {"Authorization": f"Token {token}"}
        self.photos = 0
        self.post("categories/", json={"slug": "lamp", "name": "Lamp"})

    def post(self, path: str, **data: Any) -> None:
        answer = requests.post(f"{self.api}/{path}", headers=self.staff, timeout=60, **data)
        assert answer.status_code == 201, answer.text

    def upload(self) -> None:
        self.photos += 1
        sku = f"LAMP-{self.photos}"
        self.post("products/", json={"sku": sku, "name": sku, "category": "lamp"})
        self.post(f"products/{sku}/photos/", files={"image": ("photo.png", picture((7 * self.photos, 0, 0)))})

    def indexed(self) -> int:
        return int(requests.get(f"{self.api}/index/", timeout=60).json()["categories"][0]["indexed"])

    def parts(self) -> dict[str, dict[str, Any]]:
        """What /readyz says; nothing while it does not answer."""
        try:
            parts: dict[str, dict[str, Any]] = requests.get(f"{self.stack.url}/readyz", timeout=5).json()["parts"]
        except requests.RequestException:
            return {}
        return parts

    def wait_until_restarted(self, restarts: dict[str, int]) -> None:
        """Wait until all is up and the parts were started again as often as is said.

        On a busy machine a part that starts may be taken for one that stands still, and is started once more.
        """

        def is_up_again() -> bool:
            parts = self.parts()
            return len(parts) == len(PARTS) + 2 and all(
                part["state"] == "up" and part["restarts"] >= restarts.get(name, 0) for name, part in parts.items()
            )

        wait_for(is_up_again, f"restarts {restarts}", seconds=100)

    def wait_until_all_is_indexed(self) -> None:
        """A photo that got no answer of a server that was just killed may rest for a while."""
        wait_for(lambda: self.indexed() == self.photos, f"{self.photos} photos indexed", seconds=150)

    def shell(self, code: str) -> str:
        """What the code prints, run by manage.py."""
        return self.stack.manage("shell", "-v", "0", "-c", code).strip()

    def start_stack_again(self) -> None:
        """As an orchestrator does once its process has died."""
        self.stack.process.wait()
        self.stack = RunningStack(self.stack.var, ("-c", IMPATIENT), PORT=str(self.stack.port))
        self.stack.wait_until_up()


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    var = tmp_path_factory.mktemp("faults") / "var"
    lay_out(var)
    stack = RunningStack(var, ("-c", IMPATIENT), LAMPLIGHT_BACKBONE=BACKBONE)
    try:
        stack.wait_until_up()
        logs = [var / "log" / f"{name}.log" for name in ("worker", "maintenance")]  # They start after the web process.
        wait_for(lambda: all("ready." in log.read_text() for log in logs), "the workers")
        shop = Shop(stack, stack.manage("drf_create_token", "admin").split()[2])
        yield shop
        stack = shop.stack
    finally:
        stack.end()


def leader(shop: Shop, name: str) -> int:
    """The process id of a part, while all are up."""
    pids = [pid for pid, _ in json.loads((shop.stack.var / "parts.json").read_text())["processes"]]
    return int(dict(zip(PARTS, pids, strict=True))[name])


def child(shop: Shop, name: str) -> int:
    """The process id of a part's first child, once it has started one."""
    pid = leader(shop, name)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_for(lambda: children.read_text() != "", f"a child of {name}")
    return int(children.read_text().split()[0])


def servers(shop: Shop) -> list[int]:
    """The process ids of PostgreSQL and Redis, while both are up."""
    pids = [server.pid() for server in (shop.stack.postgresql(), shop.stack.redis())]
    assert all(pids), "a server is away"  # A signal to 0 would end the tests themselves.
    return [pid for pid in pids if pid]


def test_each_part_that_is_killed_is_started_again_and_indexing_goes_on(shop):
    os.kill(child(shop, "worker"), signal.SIGKILL)
    shop.upload()
    shop.wait_until_all_is_indexed()
    for name in PARTS:
        os.kill(leader(shop, name), signal.SIGKILL)
    shop.wait_until_restarted(dict.fromkeys(PARTS, 1))
    shop.upload()
    shop.wait_until_all_is_indexed()
    told = shop.stack.output.read_text()
    assert [told.count(f"the {name} process was killed (SIGKILL) and starts again") for name in PARTS] == [1] * len(
        PARTS
    )


def test_each_part_that_stands_still_is_started_again_and_indexing_goes_on(shop):
    before = {name: shop.parts()[name]["restarts"] for name in PARTS}
    still = [leader(shop, name) for name in ("maintenance", "fetching", "beat")]
    for pid in (child(shop, "worker"), *still):
        os.kill(pid, signal.SIGSTOP)
    os.killpg(leader(shop, "web"), signal.SIGSTOP)
    shop.wait_until_restarted({name: restarts + 1 for name, restarts in before.items()})
    shop.upload()
    shop.wait_until_all_is_indexed()


def test_killed_servers_are_started_again_and_indexing_goes_on(shop):
    before = {name: part["restarts"] for name, part in shop.parts().items()}
    for pid in servers(shop):
        os.kill(pid, signal.SIGKILL)
    shop.wait_until_restarted({**before, "postgresql": before["postgresql"] + 1, "redis": before["redis"] + 1})
    shop.upload()
    shop.wait_until_all_is_indexed()


def test_everything_that_is_killed_amid_indexing_goes_on_and_nothing_is_lost_or_doubled(shop, tmp_path):
    """The worker's child first, so that its photos are pending anew, and then all at once, as by a power cut."""
    fill_folder(tmp_path / "lamps", 100)
    shop.stack.manage("import_catalog", str(tmp_path / "lamps"))
    token = shop.staff["Authorization"].split()[1]
    with Customers(shop.stack.url, token, ["LAMP-1"], ["photos/00/none.jpg"]) as customers:
        os.kill(child(shop, "worker"), signal.SIGKILL)
        wait_for(lambda: customers.statuses["201"] > 0, "an upload")
        for pid in (shop.stack.process.pid, *(leader(shop, name) for name in PARTS), *servers(shop)):
            os.kill(pid, signal.SIGKILL)
        shop.start_stack_again()
    # An upload may have been committed whose answer nobody got.
    shop.photos = int(shop.shell("from catalog.models import Photo; print(Photo.objects.count())"))
    shop.wait_until_all_is_indexed()
    assert customers.statuses["500"] == customers.without_retry_after == 0
    count = "from benchmarks.faults.damage import damage; left = damage(set()); print(left.lost, left.doubled)"
    assert shop.shell(count) == "0 0"
    rows = f"from catalog.models import Photo; print(Photo.objects.filter(file__in={customers.accepted}).count())"
    assert int(shop.shell(rows)) == len(customers.accepted)


def test_a_killed_supervisor_leaves_nothing_and_a_new_stack_starts_at_once(shop):
    """At first a part stands still, so that it cannot end by itself."""
    parts = [leader(shop, name) for name in PARTS]
    os.kill(leader(shop, "maintenance"), signal.SIGSTOP)
    shop.stack.process.kill()
    shop.stack.process.wait()
    again = RunningStack(shop.stack.var, PORT=str(shop.stack.port), LAMPLIGHT_BACKBONE=BACKBONE)
    try:
        again.wait_until_up()
        assert [pid for pid in parts if Path(f"/proc/{pid}").exists()] == []
        assert f"password in {again.var}/admin-password" in again.output.read_text()
        again.process.kill()
        again.process.wait()
        wait_for(lambda: not any("config" in command for command in again.others()), "no part left", seconds=60)
    finally:
        again.end()
        # A part that was still starting leaves the servers to the next stack.
        command = [sys.executable, "-m", "config.embedded", "stop"]
        subprocess.run(command, cwd=BASE_DIR, env=again.environment, check=True, capture_output=True)
