import errno
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.settings import BASE_DIR
from config.web import server
from tests.config.web.conftest import Application, Client
from tests.installation import wait_for

# A server in a process of its own, whose limit of descriptors is lowered before it is made, or behind its back.
OF_FEW_DESCRIPTORS = """
import os, resource, socket, sys
import django
os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "warning"}
django.setup()
from config.web.server import Server
from tests.config.web.conftest import Application
few, is_known = int(sys.argv[1]), sys.argv[2] == "known"
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
if is_known:
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))
server = Server(Application(), listener, lambda request: None)
resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))
print(listener.getsockname()[1], flush=True)
server.run()
"""


def taken(site) -> float:
    """Seconds that an ordinary request takes."""
    begun = time.monotonic()
    assert site.client().get("/").answer().status == 200
    return time.monotonic() - begun


def test_clients_that_send_their_bodies_slowly_hold_up_nobody(site):
    slow = [client.post("/api/v1/search/", 1000, b"x") for client in site.clients_at_once(32)]
    assert taken(site) < 1
    for client in slow:
        client.send(b"x")
    assert taken(site) < 1


def test_clients_that_send_half_a_request_line_hold_up_nobody(site):
    for client in site.clients_at_once(32):
        client.send(b"GET /some")
    assert taken(site) < 1


def test_silent_connections_hold_up_nobody(site):
    site.clients_at_once(200)
    assert taken(site) < 1


def test_of_too_many_connections_the_one_that_waits_longest_is_dropped(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 3)
    monkeypatch.setattr(server, "SPARED_SECONDS", 0)
    served = site.hold("/")
    first, second = site.clients_at_once(2)
    third = site.client()
    assert third.get("/").answer().status == 200
    assert first.is_closed()
    site.application.release.set()
    assert [client.get("/").answer().status for client in (second, third)] == [200, 200]
    assert served.answer().status == 200


def test_a_flood_of_connections_beyond_the_limit_keeps_nobody_out(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 100)
    site.clients_at_once(500)
    assert taken(site) < 1
    assert len(site.server.active_channels) <= 201


def test_a_client_whose_request_lies_unread_is_not_dropped_for_the_next(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 10)
    clients = [client.get("/") for client in site.clients_at_once(18)]
    assert {client.answer().status for client in clients} == {200}


def test_of_too_many_bytes_of_bodies_the_body_that_comes_longest_is_given_up(site, monkeypatch):
    monkeypatch.setattr(server, "MOST_BODY_BYTES", 5_500_000)
    oldest, other = (client.post("/", 2_400_000, b"x" * 2_000_000) for client in site.clients_at_once(2))
    newest = site.client().post("/", 3_000_000, b"x" * 3_000_000)
    assert newest.answer().status == 200
    answer = oldest.answer()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert other.send(b"x" * 400_000).answer().status == 200


def test_what_is_under_way_is_finished_and_nothing_new_is_accepted(site):
    idle = site.client()
    served = site.hold("/")
    sending = site.client().post("/", 4, b"12")
    time.sleep(0.1)  # What was sent has to be read.
    site.server.stop()
    assert idle.is_closed()
    with pytest.raises(ConnectionError):
        site.client()
    assert sending.send(b"34").answer().status == 200
    site.application.release.set()
    assert served.answer().status == 200
    site.thread.join(5)
    assert not site.thread.is_alive()


def test_a_header_cannot_say_where_the_site_lies(site):
    """gunicorn believed SCRIPT_NAME from 127.0.0.1, which is where a reverse proxy is."""
    answer = site.client().get("/shop/livez", "SCRIPT_NAME: /shop", "Script-Name: /shop").answer()
    assert answer.body.startswith(b'{"path": "/shop/livez", "script": ""')


def test_an_answer_names_no_server(site):
    assert {"Server", "Via"} & site.client().get("/").answer().headers.keys() == set()


def test_a_client_that_does_not_take_its_answer_holds_up_nobody(site):
    for client in site.clients_at_once(32):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        client.get("/")
    assert taken(site) < 1


def test_a_client_that_does_not_take_its_answer_counts_among_those_that_wait(site, monkeypatch):
    unread = site.client().get("/?megabytes=15")
    time.sleep(0.3)  # It has to be answered.
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(server, "SPARED_SECONDS", 0)
    others = site.clients_at_once(2)
    assert [client.get("/").answer().status for client in others] == [200, 200]
    wait_for(lambda: len(site.server.active_channels) == 2, "the end of the first", 5)
    assert len(unread.file.read()) < 15_000_000


@pytest.fixture
def of_few_descriptors(tmp_path) -> Iterator[Callable[[int, str], tuple[subprocess.Popen[str], int]]]:
    """Starts a server by its limit of descriptors; gives its process and port."""
    started: list[subprocess.Popen[str]] = []

    def start(few: int, known: str) -> tuple[subprocess.Popen[str], int]:
        with (tmp_path / "log").open("w") as log:
            command = [sys.executable, "-c", OF_FEW_DESCRIPTORS, str(few), known]
            process = subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=log, text=True)
        started.append(process)
        assert process.stdout
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_server_without_a_descriptor_rests_and_says_so_once_and_goes_on(of_few_descriptors, tmp_path):
    process, port = of_few_descriptors(128, "unknown")
    silent = [Client(port) for _ in range(200)]
    time.sleep(0.5)  # They have to be accepted.
    before = processor_seconds(process.pid)
    time.sleep(2)
    assert processor_seconds(process.pid) - before < 0.2
    assert Client(port).get("/").answer().status == 200
    log = (tmp_path / "log").read_text()
    told = "no other can be accepted (Too many open files): raise this process's limit of open files (ulimit -n)"
    assert log.count(told) == 1
    for client in silent:
        client.close()


class Short(socket.socket):
    """A listening socket that accepts nobody."""

    number = 0

    def accept(self):
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "most", "cure"),
    [
        (errno.EMFILE, 64, "raise this process's limit of open files (ulimit -n)"),
        (errno.ENFILE, 500, "the machine has no open files left: see what takes them, or raise fs.file-max"),
        (errno.ENOBUFS, 500, "the kernel has no memory left: see what takes it"),
        (errno.ENOMEM, 500, "the kernel has no memory left: see what takes it"),
    ],
)
def test_fewer_connections_are_kept_only_where_that_helps(monkeypatch, caplog, number, most, cure):
    monkeypatch.setattr(server, "room_for_connections", lambda: 500)
    with Short() as listener:
        listener.number = number
        listener.bind(("127.0.0.1", 0))
        made = server.Server(Application(), listener, lambda request: None)
        made.handle_accept()
        assert (made._room, made.readable(), cure in caplog.text) == (most, False, True)
        made.close()


def test_there_are_no_more_connections_than_the_limit_of_descriptors_has_room_for(of_few_descriptors, tmp_path):
    process, port = of_few_descriptors(300, "known")
    silent = [Client(port) for _ in range(400)]
    assert Client(port).get("/").answer().status == 200
    wait_for(lambda: len(list(Path(f"/proc/{process.pid}/fd").iterdir())) < 100, "their end", 5)
    assert (tmp_path / "log").read_text() == ""
    for client in silent:
        client.close()


@pytest.mark.parametrize(("limit", "room"), [(300, 25), (100, 8), (1024, 206)])
def test_the_most_connections_follow_from_the_limit_of_descriptors(monkeypatch, limit, room):
    monkeypatch.setattr(resource, "getrlimit", lambda what: (limit, limit))
    assert server.room_for_connections() == room
