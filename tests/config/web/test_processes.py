"""Web processes that are killed, or cannot even start."""

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

import pytest

from config.settings import BASE_DIR
from config.web import processes
from config.web.processes import GAVE_UP, MOST_DEATHS, Processes

# The processes are given a socket that is none, and end as soon as they have imported what they need.
HOPELESS = """
import os, socket
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from config.web import processes
processes.LOOK_SECONDS, processes.PAUSE = 0.05, 0.01
with open(os.devnull) as no_socket:
    processes.supervise(no_socket, 2)
"""


@pytest.fixture
def five(monkeypatch) -> Iterator[Processes]:
    """Five web processes that are replaced without a pause."""
    monkeypatch.setattr(processes, "PAUSE", 0)
    with socket.socket() as listener:
        started = Processes(listener, 5)
        started.start()
        yield started
        killed(started.all)


def killed(some: list[processes.Process]) -> None:
    for process in some:
        if process.running:
            process.running.kill()
            process.running.wait()


def test_one_fault_that_kills_all_processes_is_one_death_of_each(five):
    killed(five.all)
    five.tend()
    five.tend()
    assert [(process.deaths_at_once, process.running is not None) for process in five.all] == [(1, True)] * 5


def test_processes_that_are_killed_at_once_again_and_again_end_the_server(five):
    for _ in range(MOST_DEATHS - 1):
        killed(five.all)
        five.tend()
        five.tend()
    killed(five.all)
    with pytest.raises(SystemExit) as ended:
        five.tend()
    assert ended.value.code == GAVE_UP


def test_one_process_that_lives_keeps_the_server_up(five):
    for _ in range(MOST_DEATHS + 1):
        killed(five.all[1:])
        five.tend()
        five.tend()
    assert [process.deaths_at_once for process in five.all] == [0, *[MOST_DEATHS + 1] * 4]


def test_a_process_that_never_lives_long_is_replaced_more_and_more_seldom_and_does_not_end_the_server(
    five, monkeypatch, caplog
):
    monkeypatch.setattr(processes, "PAUSE", 1.0)
    process = five.all[0]
    pauses = []
    for _ in range(MOST_DEATHS + 2):
        killed([process])
        process.begun -= process.at_once + 1
        process.tend()
        pauses.append(round(process.due - time.monotonic()))
        process.due = 0.0
        process.tend()
    assert pauses == [2, 4, 8, 16, 32, 32, 32]
    assert not process.is_hopeless
    killed([process])
    process.begun -= processes.LONG
    process.tend()
    assert (process.short_lives, round(process.due - time.monotonic())) == (0, 1)


def test_a_process_that_cannot_be_started_is_tried_again_and_the_others_go_on(five, monkeypatch, caplog):
    starts = processes._start
    monkeypatch.setattr(processes, "_start", lambda listener: _no_memory())
    killed(five.all[:1])
    five.tend()
    five.tend()
    assert "A web process cannot be started" in caplog.text
    assert [process.running is not None for process in five.all] == [False, True, True, True, True]
    monkeypatch.setattr(processes, "_start", starts)
    five.tend()
    assert all(process.running for process in five.all)


def _no_memory() -> NoReturn:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


@pytest.mark.slow
def test_processes_that_end_at_once_five_times_in_a_row_end_the_server(tmp_path):
    environment = {**os.environ, "LAMPLIGHT_VAR": str(tmp_path), "LAMPLIGHT_WEIGHTS": "random"}
    command = [sys.executable, "-c", HOPELESS]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == GAVE_UP
    assert done.stderr.endswith("All web processes end at once, again and again: what they said stands above\n")
