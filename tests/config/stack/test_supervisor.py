"""Parts that die, hang and leave children behind; each is a small real process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.embedded.redis_server import RedisServer
from config.embedded.server_process import Users, locked
from config.stack import part, process_groups, supervisor
from config.stack.errors import StackError
from config.stack.part import Part
from config.stack.supervisor import Supervisor, kill_leftovers
from config.web.processes import GAVE_UP
from tests.installation import wait_for

WORKS = "import time; print('at work', flush=True); time.sleep(600)"
# A child that does not end with its parent.
HAS_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); {WORKS}"
FAILS = "raise SystemExit('no such setting')"


class Watched(Supervisor):
    """A supervisor of programs, given as Python text."""

    def __init__(self, folder: Path) -> None:
        (folder / "log").mkdir()
        super().__init__(folder, folder, os.environ, [])

    def run(self, name: str, program: str, answers: Callable[[], bool] | None = None) -> None:
        (self.home / f"{name}.py").write_text(program)
        self.parts[name] = Part(name, (name,), self.log(name), answers=answers)
        self.start(name)

    def tend_until_restarted(self, name: str, times: int = 1) -> None:
        def restarted() -> bool:
            self.tend()
            return self.parts[name].restarts == times and self.parts[name].pid is not None

        wait_for(restarted, f"{name} started again", seconds=30)

    def wait_until_at_work(self, name: str) -> None:
        wait_for(lambda: "at work" in self.log(name).read_text(), f"{name} at work", seconds=30)


@pytest.fixture
def watched(tmp_path, monkeypatch) -> Iterator[Watched]:
    monkeypatch.setattr(part, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervisor, "LOOK_SECONDS", 0)
    watched = Watched(tmp_path)
    yield watched
    watched.stop_all()


def group(leader: int) -> list[int]:
    """The processes of a group, as the kernel has them."""
    done = subprocess.run(["ps", "-eo", "pid=,pgid=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == leader and state[0] != "Z"]


def test_a_killed_part_is_started_again_and_told_with_its_last_line(watched, capsys):
    watched.run("beat", WORKS)
    watched.wait_until_at_work("beat")
    killed = watched.pid("beat")
    os.kill(killed, signal.SIGKILL)
    watched.tend_until_restarted("beat")
    assert watched.pid("beat") != killed
    assert capsys.readouterr().err == (
        "lamplight: the beat process was killed (SIGKILL) and starts again in 0.01 s. Its last line: at work\n"
    )


def test_the_pause_grows_with_each_short_life_and_is_short_again_after_a_long_one(tmp_path):
    pauses = []
    mortal = Part("web", ("web",), tmp_path / "log")
    for life in (50, 50, 50, 50, 500, 50):
        mortal.begun = time.monotonic() - life
        pauses.append(mortal.bury())
    assert pauses == [1, 2, 4, 8, 1, 1]


def test_a_part_that_dies_at_once_five_times_ends_all_with_its_last_line(watched):
    watched.run("beat", FAILS)
    with pytest.raises(
        StackError,
        match=r"^the beat process ended with exit code 1 at once, again and again "
        r"\(no such setting\): see .*/log/beat.log$",
    ):
        watched.tend_until_restarted("beat", times=9)
    assert watched.parts["beat"].restarts == 4


def test_a_part_whose_own_processes_die_at_once_five_times_ends_all_however_long_it_lived(watched):
    watched.run("web", f"raise SystemExit({GAVE_UP})")
    watched.parts["web"].begun -= 30
    with pytest.raises(StackError, match=r"^the web process ended with exit code 78 at once, again and again"):
        watched.tend_until_restarted("web")
    assert watched.parts["web"].restarts == 0


def test_on_a_full_disk_a_part_is_tried_until_there_is_space(watched, monkeypatch):
    monkeypatch.setattr(supervisor, "FULL_BYTES", 2**60)
    watched.run("beat", FAILS)
    watched.tend_until_restarted("beat", times=5)


def test_the_child_of_a_killed_part_goes_with_it(watched):
    watched.run("web", HAS_CHILD)
    watched.wait_until_at_work("web")
    killed = watched.pid("web")
    assert len(group(killed)) == 2
    os.kill(killed, signal.SIGKILL)
    watched.tend_until_restarted("web")
    assert group(killed) == []


@pytest.mark.parametrize("of", ["the part", "its child"])
def test_what_stands_still_is_killed_and_started_again(of, watched, monkeypatch, capsys):
    watched.run("worker", HAS_CHILD)
    watched.wait_until_at_work("worker")
    leader, child = sorted(group(watched.pid("worker")))
    monkeypatch.setattr(part, "HANGS_SECONDS", 0.3)
    watched.parts["worker"].heard = time.monotonic()
    os.kill(leader if of == "the part" else child, signal.SIGSTOP)
    watched.tend_until_restarted("worker")
    assert "the worker process has not answered" in capsys.readouterr().err


def test_a_part_that_does_not_answer_is_killed_and_started_again(watched, monkeypatch):
    answers = [True, False]
    watched.run("web", WORKS, answers=lambda: answers[0])
    monkeypatch.setattr(part, "HANGS_SECONDS", 0.3)
    watched.parts["web"].heard = time.monotonic()
    for _ in range(10):
        watched.tend()
        time.sleep(0.1)
    assert watched.parts["web"].restarts == 0
    answers.reverse()
    watched.tend_until_restarted("web")


def test_a_part_that_is_stopped_stays_down_until_it_is_started(watched):
    watched.run("beat", WORKS)
    watched.stop("beat")
    watched.tend()
    with pytest.raises(StackError, match="the beat process is down"):
        watched.pid("beat")
    watched.restart("beat")
    assert watched.parts["beat"].restarts == 0  # Nothing was wrong with it.


def test_a_part_that_stands_still_can_be_stopped(watched):
    watched.run("beat", WORKS)
    watched.wait_until_at_work("beat")
    os.kill(watched.pid("beat"), signal.SIGSTOP)
    began = time.monotonic()
    watched.stop("beat")
    assert time.monotonic() - began < 10


def test_the_state_of_the_parts_is_told_in_a_file_that_goes_with_the_stack(watched, tmp_path):
    watched.run("beat", WORKS)
    os.kill(watched.pid("beat"), signal.SIGKILL)
    watched.tend_until_restarted("beat")
    assert json.loads((tmp_path / "parts.json").read_text())["parts"] == {"beat": {"state": "up", "restarts": 1}}
    watched.stop("beat")
    assert json.loads((tmp_path / "parts.json").read_text())["parts"] == {"beat": {"state": "down", "restarts": 1}}
    watched.stop_all()
    assert not (tmp_path / "parts.json").exists()


def test_the_next_stack_kills_what_a_killed_one_left_and_nobody_else(watched, tmp_path):
    watched.run("worker", WORKS)
    watched.wait_until_at_work("worker")
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    told = json.loads((tmp_path / "parts.json").read_text())
    told["processes"].append([stranger.pid, 7])  # It has the id of a part that began at another time.
    (tmp_path / "parts.json").write_text(json.dumps(told))
    left = watched.pid("worker")
    kill_leftovers(tmp_path)
    assert (group(left), stranger.poll()) == ([], None)
    stranger.kill()
    stranger.wait()


@pytest.mark.slow
def test_an_embedded_server_that_is_killed_is_started_again(watched, tmp_path, capsys):
    server = RedisServer(tmp_path, Users(tmp_path / "users"))
    server.ensure_running()
    watched.servers = {"redis": (server, server.pid())}
    watched.server_restarts = {"redis": 0}
    os.kill(server.pid() or 0, signal.SIGKILL)
    wait_for(lambda: server.pid() is None, "redis gone", seconds=10)
    with locked(server.folder / "start.lock"):  # It starts as slowly as it likes: nobody waits for it.
        began = time.monotonic()
        watched.tend()
        watched.tend()
        assert time.monotonic() - began < 1
        assert watched.state() == {"redis": {"state": "down", "restarts": 0}}

    def is_back() -> bool:
        watched.tend()
        return watched.state() == {"redis": {"state": "up", "restarts": 1}} and server.complaint() is None

    wait_for(is_back, "redis started again", seconds=10)
    assert "redis died and was started again" in capsys.readouterr().err
    server.stop()


def test_a_process_is_named_by_its_id_and_when_it_began():
    assert process_groups.begun_at(os.getpid()) == process_groups.begun_at(os.getpid())
    assert process_groups.begun_at(2**22 + 1) is None
