"""Web processes that are killed, or cannot even start."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

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
    assert [(process.deaths, process.running is not None) for process in five.all] == [(1, True)] * 5


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
    assert [process.deaths for process in five.all] == [0, *[MOST_DEATHS + 1] * 4]


@pytest.mark.slow
def test_processes_that_end_at_once_five_times_in_a_row_end_the_server(tmp_path):
    environment = {**os.environ, "LAMPLIGHT_VAR": str(tmp_path), "LAMPLIGHT_WEIGHTS": "random"}
    command = [sys.executable, "-c", HOPELESS]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == GAVE_UP
    assert done.stderr.endswith("All web processes end at once, again and again: what they said stands above\n")
