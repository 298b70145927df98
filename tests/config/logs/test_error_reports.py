"""What is reported to Sentry besides requests and tasks, and what it costs when Sentry is away."""

import json
import logging
import os
import socket
import subprocess
import sys

import pytest
import redis
from celery.worker.consumer import consumer
from kombu.exceptions import OperationalError as BrokerError
from sentry_sdk.consts import DEFAULT_OPTIONS

from config.logs import error_reports
from config.logs.error_reports import SHUTDOWN_SECONDS, UNSENT_SECONDS, Transport, scrubbed, scrubbed_trace
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
# It says in the end how long that took: what is registered first is called last.
ERROR = """
import atexit, logging, time
atexit.register(lambda: print(time.monotonic() - over))
import django; django.setup()
logging.getLogger("shop").error("%s is gone", "the lamp")
over = time.monotonic()
"""


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
    assert [json.loads(body.split("\n")[1])["type"] for body in sentry.bodies] == ["event"]  # No sessions beside it.
    [report] = sentry.events
    assert report["logentry"]["formatted"].startswith(
        "the beat process ended with exit code 1 and starts again in 1 s."
    )
    assert report["level"] == "error"


def test_a_process_ends_in_seconds_although_sentry_hangs(tmp_path):
    """The host takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run(tmp_path, ERROR, f"http://key@127.0.0.1:{silent.getsockname()[1]}/7")
    assert (done.returncode, "the lamp is gone" in done.stderr, "entry" in done.stderr) == (0, True, False)
    assert SHUTDOWN_SECONDS - 0.1 < float(done.stdout) < SHUTDOWN_SECONDS + 1


def test_reports_that_do_not_arrive_are_told_in_a_line(tmp_path):
    with sentry_server(status=403) as sentry:
        done = run(tmp_path, ERROR, sentry.dsn)
    assert "Reports do not reach Sentry (status_403): see SENTRY_DSN" in done.stderr
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    done = run(tmp_path, ERROR, f"http://key@127.0.0.1:{port}/7")
    assert "Reports do not reach Sentry (network): see SENTRY_DSN" in done.stderr


def test_so_they_are_every_ten_minutes(caplog, monkeypatch):
    transport = Transport({**DEFAULT_OPTIONS, "dsn": "http://key@127.0.0.1:1/7"})
    for now in (1_000.0, 1_001.0, 999.0 + UNSENT_SECONDS, 1_000.0 + UNSENT_SECONDS):
        monkeypatch.setattr(error_reports.time, "monotonic", lambda now=now: now)
        transport.on_dropped_event("network")
    assert len(caplog.records) == 2


AWAY = redis.ConnectionError("refused")
PASSWORD = redis.AuthenticationError("wrong password")


@pytest.mark.parametrize(
    ("error", "is_reported"),
    [
        *((AWAY, False), (redis.TimeoutError("late"), False), (redis.exceptions.BusyLoadingError("loads"), False)),
        *((redis.ResponseError("MISCONF disk full"), False), (redis.OutOfMemoryError("full"), False)),
        *((PASSWORD, True), (redis.ResponseError("WRONGTYPE"), True), (redis.DataError("no number"), True)),
    ],
)
def test_of_redis_is_reported_what_does_not_pass_by_itself(error, is_reported):
    wrapped = BrokerError("no broker")
    wrapped.__cause__ = error
    for one in (error, wrapped):
        report = scrubbed({"level": "error"}, {"exc_info": (type(one), one, None)})
        assert (report is not None) is is_reported


def test_an_outage_is_not_reported_by_who_only_names_it():
    """Worker and beat do so at each attempt."""
    template = vars(consumer)["CONNECTION_ERROR"]
    for error, is_reported in ((AWAY, False), (PASSWORD, True)):
        arguments = ("redis://x", error, "Trying again in 2 s")
        record = logging.LogRecord("celery.worker.consumer", logging.ERROR, "", 0, template, arguments, None)
        assert (scrubbed({"level": "error"}, {"log_record": record}) is not None) is is_reported


def test_errors_that_caused_each_other_are_reported():
    error, cause = RuntimeError("one"), RuntimeError("two")
    error.__cause__, cause.__cause__ = cause, error
    assert scrubbed({"level": "error"}, {"exc_info": (RuntimeError, error, None)}) is not None


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
    assert "0af7651916cd43dd8448eb211c80319c" not in str(sentry.bodies)  # The caller does not choose the trace's id.


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
@pytest.mark.parametrize(("said", "told"), [("\n SELECT\n'velvet'", "SELECT"), ("'velvet'", ""), ("", "")])
def test_of_a_statement_the_verb_is_left(op, said, told):
    spans = [{"op": op, "description": said, "data": {"x": "velvet"}}]
    report = scrubbed_trace({"type": "transaction", "spans": spans}, {})
    assert report is not None
    assert report["spans"] == [{"op": op, "description": told}]
