"""What is reported to Sentry besides requests and tasks, and what it costs when Sentry is away."""

import os
import socket
import subprocess
import sys
import time

import pytest

from config.logs.error_reports import SHUTDOWN_SECONDS, scrubbed, scrubbed_trace
from config.settings import BASE_DIR
from tests.config.logs.sentry_server import sentry_server

DIES = """
import sys, time
from pathlib import Path
import django; django.setup()
from config.stack.part import Part
from config.stack.supervisor import Supervisor
home = Path(sys.argv[1])
(home / "log").mkdir()
supervisor = Supervisor(home, home, {}, [])
supervisor.parts["beat"] = Part("beat", ("this_module_is_not_there",), supervisor.log("beat"))
supervisor.start("beat")
while supervisor.parts["beat"].due is None:
    supervisor.tend()
    time.sleep(0.05)
"""
TIMED = """
from django.test import RequestFactory
from config.wsgi import application
headers = {"cookie": "a=velvet", "referer": "http://velvet", "sentry-trace": "0af7651916cd43dd8448eb211c80319c-1-1"}
environ = RequestFactory(SERVER_NAME="localhost").get("/nothing/?q=velvet", headers=headers).environ
answer = application(environ, lambda *arguments: None)
b"".join(answer)
answer.close()
"""
ERROR = "import django, logging; django.setup(); logging.getLogger('shop').error('%s is gone', 'the lamp')"


def run(tmp_path, program: str, dsn: str, *arguments: str, traces: str = "0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={
            **os.environ,
            "LAMPLIGHT_VAR": str(tmp_path / "var"),
            "SENTRY_DSN": dsn,
            "SENTRY_TRACES_SAMPLE_RATE": traces,
        },
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_part_that_dies_is_reported_by_the_supervisor(tmp_path):
    with sentry_server() as sentry:
        done = run(tmp_path, DIES, sentry.dsn, str(tmp_path))
        assert done.returncode == 0, done.stderr
    [report] = sentry.events
    assert report["logentry"]["formatted"].startswith(
        "the beat process ended with exit code 1 and starts again in 1 s."
    )
    assert report["level"] == "error"


def test_a_process_ends_in_seconds_although_sentry_hangs(tmp_path):
    """The host takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        usual = seconds(tmp_path, "")
        hanging = seconds(tmp_path, f"http://key@127.0.0.1:{silent.getsockname()[1]}/7")
    assert hanging < usual + SHUTDOWN_SECONDS + 8  # It also imports the SDK, on a machine that may be busy.


def seconds(tmp_path, dsn: str) -> float:
    begun = time.monotonic()
    done = run(tmp_path, ERROR, dsn)
    assert (done.returncode, "the lamp is gone" in done.stderr, "entry" in done.stderr) == (0, True, False)
    return time.monotonic() - begun


def test_without_a_dsn_the_sdk_is_not_imported(tmp_path):
    program = "import django, sys; django.setup(); print('sentry_sdk' in sys.modules)"
    assert run(tmp_path, program, "").stdout == "False\n"


@pytest.mark.parametrize("traces", ["0", "1"])
def test_a_request_is_timed_where_the_shop_wants_it_and_not_where_the_caller_does(traces, tmp_path):
    with sentry_server() as sentry:
        assert run(tmp_path, TIMED, sentry.dsn, traces=traces).returncode == 0
    assert [report["type"] for report in sentry.events] == ["transaction"] * int(traces)
    assert [report["request"]["url"] for report in sentry.events] == ["http://localhost/nothing/"] * int(traces)
    assert "velvet" not in str(sentry.bodies)


def test_whatever_the_sdk_adds_is_cut():
    url = "https://shop.example/api/v1/search/?q=velvet"
    report = scrubbed(
        {
            "request": {"url": url, "method": "GET", "headers": {"Cookie": "velvet"}, "data": "velvet"},
            "user": {"ip_address": "203.0.113.7"},
            "extra": {"velvet": 1},
            "contexts": {"trace": {"trace_id": "1", "data": {"http.query": "velvet"}}, "velvet": {}},
            "exception": {"values": [{"type": "ValueError", "value": "velvet"}]},
            "level": "error",
        },
        {},
    )
    assert report is not None
    assert "velvet" not in str(report)
    assert (report["request"], report["level"]) == ({"url": url.partition("?")[0], "method": "GET"}, "error")


@pytest.mark.parametrize("op", ["db", "db.sql.query"])
def test_of_a_statement_the_verb_is_left(op):
    spans = [{"op": op, "description": "SELECT 'velvet'", "data": {"x": "velvet"}}]
    report = scrubbed_trace({"type": "transaction", "spans": spans}, {})
    assert report is not None
    assert report["spans"] == [{"op": op, "description": "SELECT"}]
