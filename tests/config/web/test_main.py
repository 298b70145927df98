"""`python -m config.web` itself: real processes, the real site."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

from config.settings import BASE_DIR
from config.web.__main__ import bound
from tests.config.web.conftest import Client
from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHOTO = BASE_DIR / "demo" / "catalog" / "photos" / "LAM-001-1.webp"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def status(port: int, path: str) -> int:
    """0 while nobody listens."""
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30).status_code
    except requests.ConnectionError:
        return 0


def search(port: int) -> requests.Response:
    files = {"image": PHOTO.read_bytes()}
    return requests.post(f"http://127.0.0.1:{port}/api/v1/search/", files=files, timeout=60)


def test_it_listens_with_its_models_loaded_and_finishes_what_is_under_way(tmp_path, port):
    with Installation(tmp_path / "var", PORT=str(port), SEARCH_THROTTLE="off") as installation:
        web = installation.start("-m", "config.web")
        wait_for(lambda: status(port, "/livez") == 200, "the web server")
        assert "libopenvino" in Path(f"/proc/{web.pid}/maps").read_text()
        assert status(port, "/readyz") == 200
        assert Client(port, "localhost").get("/livez", "SCRIPT_NAME: /shop").answer().status == 200
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(search(port).status_code)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.15)
        web.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert answers == [200] * 8
        assert web.wait(30) == 0
        assert installation.count("search_query") == 8
        assert f"Listening at http://127.0.0.1:{port}" in installation.log()


def test_without_a_database_it_is_alive_and_it_is_ready_once_there_is_one(tmp_path, port):
    var = tmp_path / "var"
    with Installation(var, PORT=str(port), SEARCH_THROTTLE="off") as installation:
        elsewhere = var / "nothing"
        installation.environment["DATABASE_URL"] = f"postgres://lamplight@/lamplight?host={elsewhere}"
        installation.start("-m", "config.web")
        wait_for(lambda: status(port, "/livez") == 200, "the web server")
        assert status(port, "/readyz") == 503
        assert "Serving, but not ready yet" in installation.log()
        [[folder]] = installation.rows("SHOW unix_socket_directories")
        elsewhere.symlink_to(folder)
        wait_for(lambda: status(port, "/readyz") == 200, "readiness", 60)
        assert search(port).status_code == 200


def test_several_processes_share_a_port_and_one_that_is_killed_is_replaced(tmp_path, port):
    with Installation(tmp_path / "var", PORT=str(port), WEB_PROCESSES="2") as installation:
        web = installation.start("-m", "config.web")

        def children() -> set[int]:
            return set(map(int, Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text().split()))

        wait_for(lambda: installation.log().count("Listening at") == 2, "two processes")
        before = children()
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        wait_for(lambda: installation.log().count("Listening at") == 3, "another process")
        assert len(children() - before) == 1
        assert search(port).status_code == 200
        now = children()
        web.terminate()
        assert web.wait(60) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in now)


OF_A_DISK_THAT_HANGS = """
import os, shutil, time
os.statvfs = shutil.disk_usage = lambda folder: time.sleep(600)
from config.web.__main__ import main
main()
"""


def test_a_disk_that_hangs_does_not_hold_up_its_end(tmp_path, port):
    with Installation(tmp_path / "var", PORT=str(port), METRICS_TOKEN="sixteen-letters-x") as installation:
        web = installation.start("-c", OF_A_DISK_THAT_HANGS)
        wait_for(lambda: status(port, "/livez") == 200, "the web server")
        address = f"http://127.0.0.1:{port}"
        ready = requests.get(f"{address}/readyz", timeout=30)
        assert ready.json()["details"] == {"disk": "the disk did not answer within 3 s"}
        scrape = requests.get(f"{address}/metrics", headers={"Authorization": "Bearer sixteen-letters-x"}, timeout=30)
        assert 'lamplight_scrape_answered{part="disks"} 0.0' in scrape.text
        decoders = Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text().split()
        web.terminate()
        assert web.wait(20) == 0
        assert decoders
        assert not any(Path(f"/proc/{pid}").exists() for pid in decoders)
        assert installation.redis().pid() is not None


def test_a_busy_port_is_refused_with_the_cure(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        refused = Installation(tmp_path, PORT=str(busy.getsockname()[1])).start("-m", "config.web")
        assert refused.wait(60) == 1
    [line] = (tmp_path / "processes.log").read_text().splitlines()
    assert "set HOST and PORT" in line


@pytest.mark.parametrize("host", ["::1", "::", "127.0.0.1"])
def test_it_listens_at_addresses_of_ipv6_and_ipv4(settings, host):
    settings.HOST, settings.PORT = host, "0"
    with bound() as listener:
        assert listener.getsockname()[0] == host
