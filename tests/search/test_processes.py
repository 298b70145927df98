"""Web and worker processes side by side: what each holds, and who gives way."""

import os
import socket
from pathlib import Path

import pytest
import requests

from config.settings import BASE_DIR
from tests.installation import Installation, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PHOTO = BASE_DIR / "demo" / "catalog" / "photos" / "LAM-001-1.webp"
MEGABYTES = 520


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_once_prepared_a_web_process_answers_without_torch_and_in_little_memory(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Installation(tmp_path / "var", "resnet50", PORT=str(port), SEARCH_THROTTLE="off") as installation:
        web = installation.start("-m", "config.web")
        wait_for(lambda: listens(port), "the web server")
        url = f"http://127.0.0.1:{port}/api/v1/search/"
        for _ in range(20):
            answer = requests.post(url, files={"image": PHOTO.read_bytes()}, timeout=60)
            assert answer.status_code == 200, answer.text
        libraries = Path(f"/proc/{web.pid}/maps").read_text()
        assert "libopenvino" in libraries
        assert [name for name in ("libtorch", "/scipy/", "/sklearn/") if name in libraries] == []
        assert resident(web.pid) <= MEGABYTES  # measured with all three networks: 458


def test_a_workers_batches_give_way_to_queries(tmp_path):
    with Installation(tmp_path / "var") as installation:
        worker = installation.worker()
        wait_for(lambda: children(worker.pid) != [], "the worker's process")
        wait_for(lambda: [niceness(child) for child in children(worker.pid)] == [10], "a nice worker")
        assert niceness(worker.pid) == 0  # This process only takes messages.


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def resident(pid: int) -> float:
    """Resident memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000
