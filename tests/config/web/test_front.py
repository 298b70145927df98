"""The front of compose.yaml, as a document, and where Caddy is installed as a process before the web server."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from config.settings import BASE_DIR
from tests.config.web.conftest import Client
from tests.installation import wait_for

CADDY = shutil.which("caddy")
CADDYFILE = BASE_DIR / "config" / "Caddyfile"
HOST = "127.0.0.1"
needs_caddy = pytest.mark.skipif(CADDY is None, reason="no Caddy: apt-get install caddy")


@pytest.fixture
def services():
    return yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["services"]


def test_nothing_but_the_front_is_published(services):
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports.keys() == {"front", "grafana"}
    assert ports["grafana"] == ["127.0.0.1:3000:3000"]
    assert services["front"]["environment"]["WEB"] == "web:8000"
    assert "./config/Caddyfile:/etc/caddy/Caddyfile:ro" in services["front"]["volumes"]


def test_the_shop_knows_that_a_front_speaks_tls_before_it(services):
    environment = services["web"]["environment"]
    assert (environment["BEHIND_TLS"], environment["NUM_PROXIES"]) == (1, 1)
    assert environment["ALLOWED_HOSTS"] == "${SITE:?set it in .env},web"


def test_no_log_of_the_database_holds_a_statement(services):
    options = "-c log_min_messages=log -c log_min_error_statement=panic -c log_error_verbosity=terse"
    assert options in services["db"]["command"]


def test_what_docker_keeps_is_json_unless_the_shop_wants_text(services):
    assert services["worker"]["environment"]["LOG_FORMAT"] == "${LOG_FORMAT:-json}"
    celery = [service["command"] for service in services.values() if "celery" in service.get("command", "")]
    assert [" --quiet " in command for command in celery] == [True] * 5  # Its banner is no JSON.


def test_the_certificates_outlive_their_container(services):
    volumes = yaml.safe_load((BASE_DIR / "compose.yaml").read_text())["volumes"]
    assert "certificates:/data" in services["front"]["volumes"]
    assert "certificates" in volumes


def test_the_front_lets_through_what_the_shop_takes(settings):
    sizes = {"KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
    found = re.findall(r"request_body @(\w+) \{\s*max_size (\d+)(\wB)", CADDYFILE.read_text())
    assert {name: int(number) * sizes[unit] for name, number, unit in found} == {
        "import": settings.MAX_IMPORT_REQUEST_BYTES,
        "admin": settings.MAX_ADMIN_REQUEST_BYTES,
        "shop": settings.MAX_REQUEST_BYTES,
    }


def test_the_front_lets_nobody_through_to_the_probes():
    assert "@probes path /livez /readyz /metrics\n\trespond @probes 404\n" in CADDYFILE.read_text()


@pytest.fixture
def front(site, tmp_path: Path) -> Iterator[int]:
    """The port of a front without TLS."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "SITE": f"http://127.0.0.1:{port}",
        "WEB": f"127.0.0.1:{site.port}",
    }
    config = tmp_path / "Caddyfile"
    config.write_text(CADDYFILE.read_text().replace("{\n", "{\n\tadmin off\n", 1))  # Its port may be taken here.
    command = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(config)]
    with (tmp_path / "caddy.log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as caddy:
        try:
            wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the front", 20)
            yield port
        finally:
            caddy.kill()  # It would wait for its clients.


@needs_caddy
def test_the_front_tells_the_customers_address_and_no_made_up_one(site, front):
    client = Client(front, HOST).get("/", "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "SCRIPT_NAME: /x")
    known = json.loads(client.answer().body)
    assert (known["for"], known["proto"], known["script"]) == ("127.0.0.1", "http", "")


@needs_caddy
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "//livez", "/%6civez", "//metrics", "/metric%73"])
def test_the_probes_are_not_for_customers(site, front, path):
    assert Client(front, HOST).get(path).answer().status == 404


@needs_caddy
def test_the_front_answers_the_requests_id_and_keeps_what_was_asked_out_of_its_log(site, front, tmp_path):
    answer = Client(front, HOST).get("/", "X-Request-ID: abc-1").answer()
    assert answer.headers["X-Request-Id"] == "abc-1"
    site.server.stop()
    site.thread.join()
    refused = Client(front, HOST).get("/a?q=velvet", "Cookie: velvet", "Referer: http://velvet", "User-Agent: velvet")
    assert refused.answer().status == 502
    log = tmp_path / "caddy.log"
    wait_for(lambda: '"uri":"/a"' in log.read_text(), "the front's line", 10)
    assert [word for word in ("velvet", "remote_ip", "remote_port", "client_ip") if word in log.read_text()] == []


@needs_caddy
def test_slow_and_silent_clients_of_the_front_hold_up_nobody(site, front):
    slow = [Client(front, HOST).post("/", 1000, b"x") for _ in range(32)]
    half = [Client(front, HOST).send(b"GET /so") for _ in range(32)]
    silent = [Client(front, HOST) for _ in range(200)]
    begun = time.monotonic()
    assert Client(front, HOST).get("/").answer().status == 200
    assert time.monotonic() - begun < 1
    for client in (*slow, *half, *silent):
        client.close()


@needs_caddy
def test_a_request_that_is_too_large_is_refused_through_the_front(site, front):
    client = Client(front, HOST)
    with suppress(ConnectionError):  # It is closed while the client sends.
        client.post("/", 21_000_001, b"x" * 21_000_001)
    assert client.answer().status == 413


@needs_caddy
def test_a_body_that_trickles_holds_nothing_behind_the_front(site, front, monkeypatch):
    """Caddy itself waits for it, as long as its read_body says."""
    monkeypatch.setattr("config.web.request.BODY_SECONDS", 0.2)
    trickling = Client(front, HOST).post("/", 1000, b"x")
    wait_for(lambda: len(site.server.active_channels) == 1, "the body", 10)
    wait_for(lambda: len(site.server.active_channels) == 0, "the body given up", 10)
    trickling.close()


@needs_caddy
def test_a_chunked_body_that_is_too_large_is_refused_through_the_front(site, front):
    head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n"
    client = Client(front, HOST).send(head.encode())
    for _ in range(22):
        client.send(b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n")
    assert client.answer().status == 413
