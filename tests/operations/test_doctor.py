"""The command, where servers do not run, or are stopped like a train: they are there, and never answer."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from config.embedded.postgresql_server import PostgreSQLServer
from config.embedded.server_process import Users
from config.settings import BASE_DIR
from operations.doctor.examination import UNREACHABLE_CURE
from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Installation]:
    with Installation(tmp_path_factory.mktemp("doctor") / "var") as made:
        yield made


def examined(shop: Installation, expect: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Level and text of each check's findings."""
    told = json.loads(shop.manage("doctor", "--json", expect=expect))
    assert told["level"] == ("problem" if expect else "warning")  # The network is untrained.
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in told["findings"]:
        found.setdefault(finding["check"], []).append((finding["level"], finding["text"]))
    return found


def test_workers_and_beat_that_do_not_run_are_told_and_all_else_is_well(shop):
    found = examined(shop)
    assert found["workers"] == [
        ("problem", "no worker answers that indexes and imports"),
        ("problem", "no worker answers that builds indexes and trains"),
        ("problem", "no worker answers that fetches photos"),
    ]
    assert found["beat"] == [("warning", "beat has never run on this data folder")]
    assert found["spaces"] == [("ok", "efficientnet_lite0-random is live: 0 of 0 photos indexed")]
    assert {level for name in ("database", "migrations", "locks", "redis") for level, _ in found[name]} == {"ok"}


def test_servers_that_hang_are_told_and_the_rest_is_looked_at(shop):
    servers = [shop.redis().pid(), PostgreSQLServer(shop.var, Users(shop.var / ".users.lock")).pid()]
    stopped = [pid for pid in servers if pid]
    assert len(stopped) == 2
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        found = examined(shop)
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert found["database"] == [("problem", "couldn't get a connection after 3.00 sec")]
    assert [level for level, _ in found["redis"]] == ["problem"]
    assert found["spaces"] == found["workers"] == [("warning", "not looked at")]
    assert found["versions"][0][0] == "ok"


def test_a_worker_that_runs_is_found_and_no_problem_is_left(shop):
    shop.worker()
    wait_for(lambda: " ready." in shop.log(), "the worker")
    [(level, text)] = examined(shop, expect=0)["workers"]
    assert (level, text.startswith("1 workers answer: w")) == ("ok", True)


def test_embedded_servers_that_do_not_run_are_told_and_not_started(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"LAMPLIGHT_VAR": str(tmp_path), "LAMPLIGHT_WEIGHTS": "random"}
    command = [sys.executable, "manage.py", "doctor", "--json"]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (1, "")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    texts = {name: finding["text"] for name, finding in findings.items()}
    assert texts["database"] == f"the embedded postgresql of {tmp_path} is not running"
    assert texts["redis"] == f"the embedded redis of {tmp_path} is not running"
    assert {findings[name]["cure"] for name in ("database", "redis")} == {UNREACHABLE_CURE}
    assert texts["spaces"] == texts["workers"] == "not looked at"
    assert not {"postgresql", "redis"} & {path.name for path in tmp_path.iterdir()}
