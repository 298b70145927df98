"""The stack that `make run` and `make demo` start, as a person meets it: one command, one address, Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from PIL import Image

from config.embedded.postgresql_server import PostgreSQLServer
from config.embedded.redis_server import RedisServer
from config.embedded.server_process import Users
from config.settings import BASE_DIR
from tests.conftest import picture
from tests.installation import BACKBONE, lay_out, lay_out_empty, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class RunningStack:
    """`python -m config.stack` on a data folder and port of its own."""

    def __init__(self, var: Path, program: tuple[str, ...] = ("-m", "config.stack"), **environment: str) -> None:
        self.var, self.port = var, int(environment.get("PORT") or free_port())
        self.url = f"http://127.0.0.1:{self.port}"
        var.mkdir(parents=True, exist_ok=True)
        self.output = var / "output"
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")},
            "LAMPLIGHT_VAR": str(var),
            "LAMPLIGHT_WEIGHTS": "random",
            "PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program],
                cwd=BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                # A test run in the background ignores Ctrl-C, and so would this process.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )

    def wait_until_up(self) -> None:
        wait_for(lambda: "Ctrl-C" in self.output.read_text() or self.process.poll() is not None, "the stack")
        assert self.process.poll() is None, self.output.read_text()

    def password(self) -> str:
        return Path(self.output.read_text().split("password in ")[1].split()[0]).read_text().strip()

    def manage(self, *arguments: str) -> str:
        """What `manage.py ARGUMENTS` printed."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=BASE_DIR, env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def postgresql(self) -> PostgreSQLServer:
        return PostgreSQLServer(self.var, Users(self.var / ".users.lock"))

    def redis(self) -> RedisServer:
        return RedisServer(self.var, Users(self.var / ".users.lock"))

    def others(self) -> list[str]:
        """Command lines of the processes in its data folder, without the stack's own."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            ours = f"LAMPLIGHT_VAR={self.var}".encode() in environment or str(self.var) in command
            if ours and command and int(folder.name) not in (os.getpid(), self.process.pid):
                found.append(command)
        return found

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(100)


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("stack") / "var", LAMPLIGHT_BACKBONE=BACKBONE)
    try:
        running.wait_until_up()
        wait_for(lambda: "ready." in (running.var / "log" / "worker.log").read_text(), "the worker, which starts later")
        yield running
    finally:
        running.end()


def test_page_documentation_admin_and_probes_answer(stack):
    for path in ("/", "/api/docs/", "/api/schema/", "/admin/login/", "/livez", "/readyz", "/static/admin/css/base.css"):
        assert requests.get(stack.url + path, timeout=30).status_code == 200, path


def test_an_unknown_address_is_not_found(stack):
    assert requests.get(f"{stack.url}/nothing", timeout=30).status_code == 404
    assert requests.get(f"{stack.url}/media/../settings.py", timeout=30).status_code == 404


def test_a_photo_uploaded_through_the_api_is_found_by_another_photo_of_it(stack, tmp_path):
    """The whole line with the true encoder: token, product, photo, worker, query."""
    token = stack.manage("drf_create_token", "admin").split()[2]
    staff = {"Authorization": f"Token {token}"}
    api = f"{stack.url}/api/v1"

    def post(path: str, **data) -> requests.Response:
        answer = requests.post(f"{api}/{path}", headers=staff, timeout=60, **data)
        assert answer.status_code == 201, answer.text
        return answer

    post("categories/", json={"slug": "lamp", "name": "Lamp"})
    for sku, colour in (("RED", "red"), ("BLUE", "blue"), ("GREEN", "green")):
        post("products/", json={"sku": sku, "name": f"{sku} lamp", "category": "lamp"})
        post(f"products/{sku}/photos/", files={"image": ("photo.png", picture(colour))})

    def indexed() -> int:
        return int(requests.get(f"{api}/index/", timeout=60).json()["categories"][0]["indexed"])

    wait_for(lambda: indexed() == 3, "three photos indexed", seconds=25)  # Beat would ring later.
    Image.new("RGB", (90, 90), (240, 10, 10)).save(tmp_path / "query.jpg")
    with (tmp_path / "query.jpg").open("rb") as photo:
        answer = requests.post(f"{api}/search/", files={"image": photo}, timeout=60).json()
    assert answer["results"][0]["product"]["sku"] == "RED"
    assert [hit["product"]["sku"] for hit in answer["results"]].count("RED") == 1
    assert (answer["gate"]["mode"], answer["weights"]) == ("open", "random")
    assert requests.get(answer["results"][0]["photo"], timeout=30).headers["Content-Type"] == "image/jpeg"


def test_the_password_opens_the_admin(stack):
    with requests.Session() as session:
        login = f"{stack.url}/admin/login/"
        session.get(login, timeout=30)
        form = {"username": "admin", "password": stack.password(), "csrfmiddlewaretoken": session.cookies["csrftoken"]}
        answer = session.post(f"{login}?next=/admin/", data=form, timeout=30)
        assert (answer.url, "Telling categories apart" in answer.text) == (f"{stack.url}/admin/", True)


def test_a_second_stack_on_the_same_folder_is_refused(stack):
    second = RunningStack(stack.var)
    assert second.process.wait(60) == 1
    assert second.output.read_text().startswith("lamplight: a stack already runs on")


def test_a_busy_port_is_refused_with_the_cure(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        refused = RunningStack(tmp_path, PORT=str(busy.getsockname()[1]))
        assert refused.process.wait(60) == 1
    assert refused.output.read_text().count("\n") == 1
    assert "set PORT to a free one" in refused.output.read_text()


def test_missing_weights_are_refused_with_the_cure(tmp_path):
    lay_out_empty(tmp_path)
    refused = RunningStack(tmp_path, LAMPLIGHT_WEIGHTS=str(tmp_path / "none.pth"))
    assert refused.process.wait(60) == 1
    assert "none.pth" in refused.output.read_text()
    assert "random" in refused.output.read_text()


@pytest.fixture
def unfetched(tmp_path) -> Iterator[RunningStack]:
    """A stack whose first space is to have ResNet50's ImageNet weights, behind a proxy that says nothing."""
    lay_out_empty(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        silent = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        stack = RunningStack(
            tmp_path, LAMPLIGHT_WEIGHTS="imagenet", TORCH_HOME=str(tmp_path / "torch"), https_proxy=silent, no_proxy=""
        )
        wait_for(lambda: "Fetching the ImageNet weights of resnet50" in stack.output.read_text(), "the download")
        yield stack
        stack.end()


def test_a_silent_network_costs_seconds_and_then_lite2_sees(unfetched):
    unfetched.wait_until_up()
    told = unfetched.output.read_text()
    assert (
        "no answer within 5 s): Lamplight sees with efficientnet_lite2-imagenet. To change to resnet50-imagenet" in told
    )
    assert requests.get(f"{unfetched.url}/api/v1/index/", timeout=60).json()["space"] == "efficientnet_lite2-imagenet"


def test_a_stack_that_is_stopped_while_it_fetches_waits_for_nothing(unfetched):
    unfetched.process.send_signal(signal.SIGTERM)
    assert unfetched.process.wait(60) == 143
    assert "Could not fetch" not in unfetched.output.read_text()
    wait_for(lambda: unfetched.others() == [], "every process gone", seconds=30)


def test_a_database_that_hangs_makes_it_not_ready_in_seconds_and_ready_again_when_it_goes_on(stack):
    postmaster = stack.postgresql().pid()
    assert postmaster is not None
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    pids = [postmaster, *map(int, children)]
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        answer = requests.get(f"{stack.url}/readyz", timeout=10)
        assert (answer.status_code, list(answer.json()["reasons"])) == (503, ["database"])
        assert requests.get(f"{stack.url}/livez", timeout=10).status_code == 200
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: requests.get(f"{stack.url}/readyz", timeout=30).ok, "ready again", seconds=30)


def test_a_killed_database_costs_no_search(stack):
    pid = stack.postgresql().pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    image = {"image": ("photo.png", picture("red"))}

    def searched() -> bool:
        answer = requests.post(f"{stack.url}/api/v1/search/", files=image, timeout=60)
        assert answer.status_code in (200, 503), answer.text
        return answer.ok

    wait_for(searched, "searches answered again", seconds=30)


def test_a_model_that_cannot_be_loaded_is_refused_at_once_with_the_reason(tmp_path):
    lay_out(tmp_path)
    refused = RunningStack(tmp_path, LAMPLIGHT_DEVICE="cuda")
    assert refused.process.wait(100) == 1
    assert "set the device to 'cpu' or 'auto'" in refused.output.read_text()
    assert "<html" not in refused.output.read_text()


def test_a_folder_that_cannot_be_written_is_refused_with_the_cure(tmp_path):
    refused = RunningStack(tmp_path, LAMPLIGHT_VAR="/proc/nothing")
    assert refused.process.wait(60) == 1
    assert refused.output.read_text().count("\n") == 1
    assert "set LAMPLIGHT_VAR" in refused.output.read_text()


def test_ctrl_c_stops_every_process(tmp_path):
    lay_out(tmp_path)
    stack = RunningStack(tmp_path, LAMPLIGHT_BACKBONE=BACKBONE)
    stack.wait_until_up()
    assert len(stack.others()) >= 4
    begun = time.monotonic()
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(100) == 0
    assert time.monotonic() - begun < 50  # None had to be killed, though they were just starting.
    wait_for(lambda: stack.others() == [], "no process left", seconds=30)
