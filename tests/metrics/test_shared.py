"""Processes that count together: real ones, some of which are killed."""

import ast
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.settings import BASE_DIR

# Counts 3, and then does what it is told on a line: more counts, a fork that counts, or what all have counted.
PROCESS = """
import os, sys
from pathlib import Path
from metrics import searches, shared, web
shared.count_as("web", Path(sys.argv[1]), int(sys.argv[2]))
from prometheus_client import generate_latest
class All:
    collect = staticmethod(shared.counted)
searches.SEARCHES.labels("photo", "answered").inc(3)
web.CONNECTIONS.set(5)
print("ready", flush=True)
for line in sys.stdin:
    word, _, number = line.strip().partition(" ")
    if word == "count":
        for one in range(int(number)):
            searches.STAGE_DURATION.labels("photo", f"stage {one}").observe(0.02)
    if word == "fork":
        if child := os.fork():
            print("ended with", os.waitpid(child, 0)[1], flush=True)
        else:
            searches.SEARCHES.labels("photo", "answered").inc(10)
            os._exit(0)
    if word == "tell":
        print(generate_latest(All()).decode(), flush=True)
    if word == "running":
        print(shared.running(), flush=True)
    print("done", flush=True)
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "metrics" / "1.0.0"


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    processes = []

    def one(counts_in: Path = folder, of: int = 2) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROCESS, str(counts_in), str(of)]
        process = subprocess.Popen(
            command,
            cwd=BASE_DIR,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        processes.append(process)
        told(process)
        return process

    yield one
    for process in processes:
        process.kill()
        process.communicate()


def told(process: subprocess.Popen[str]) -> str:
    """What it says until it is ready or done."""
    assert process.stdout
    lines = []
    for line in process.stdout:
        if line.strip() in ("ready", "done"):
            break
        lines.append(line)
    return "".join(lines)


def ask(process: subprocess.Popen[str], order: str) -> str:
    assert process.stdin
    process.stdin.write(f"{order}\n")
    process.stdin.flush()
    return told(process)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def overwrite(file: Path, start: bytes) -> None:
    with file.open("r+b") as opened:
        opened.write(start)


def value(text: str, name: str) -> float:
    """The sum of a metric's samples."""
    families = text_string_to_metric_families(text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


def test_counts_add_up_and_survive_the_death_of_who_counted(start):
    first, second = start(), start()
    assert value(ask(first, "tell"), "lamplight_searches_total") == 6
    kill(second)
    assert value(ask(first, "tell"), "lamplight_searches_total") == 6


def test_who_comes_after_a_killed_process_goes_on_with_its_counts_and_files(start, folder):
    first = start()
    kill(start())
    files = sorted(path.name for path in folder.rglob("*.*"))
    for _ in range(3):
        kill(start())
    assert value(ask(first, "tell"), "lamplight_searches_total") == 3 + 4 * 3
    assert sorted(path.name for path in folder.rglob("*.*")) == files


def test_what_a_dead_process_said_of_now_is_forgotten(start):
    first, second = start(), start()
    assert value(ask(first, "tell"), "lamplight_web_connections") == 10
    kill(second)
    assert value(ask(first, "tell"), "lamplight_web_connections") == 5


def test_a_fork_counts_under_a_name_of_its_own(start):
    process = start()
    ask(process, "fork")
    assert value(ask(process, "tell"), "lamplight_searches_total") == 13


def test_those_that_run_are_told_with_their_ids(start):
    first, second = start(), start()
    kill(start())
    assert ast.literal_eval(ask(first, "running")) == {"web-1": first.pid, "web-2": second.pid}


def test_a_lock_that_cannot_be_read_hides_no_other_process(start, folder):
    first, _second = start(), start()
    [boot] = folder.iterdir()
    (boot / "web-8.lock").symlink_to("gone")
    overwrite(boot / "web-2.lock", b"\xff" * 64)
    assert ast.literal_eval(ask(first, "running")) == {"web-1": first.pid}


def test_counting_goes_on_while_the_disk_is_full(start, folder, small_disk):
    disk = small_disk(folder.parent, megabytes=10)
    process = start()
    disk.fill()
    ask(process, "count 100")
    assert value(ask(process, "tell"), "lamplight_search_stage_duration_seconds_count") == 100
    kill(process)
    assert value(ask(start(), "tell"), "lamplight_searches_total") == 6


def test_more_numbers_than_fit_are_not_told_and_kill_nobody(start, folder, small_disk):
    disk = small_disk(folder.parent, megabytes=10)
    process = start()
    disk.fill()
    ask(process, "count 3000")
    told_of = value(ask(process, "tell"), "lamplight_search_stage_duration_seconds_count")
    assert 500 < told_of < 3000
    assert {path.stat().st_size for path in folder.rglob("histogram_*.db")} == {1 << 21}


def test_a_process_for_whose_files_there_is_no_room_goes_on_and_counts_for_itself(start, folder, small_disk):
    disk = small_disk(folder.parent, megabytes=10)
    first = start()
    start(), start()
    disk.fill()
    assert "ended with 0" in ask(first, "fork")  # It counts nothing.
    assert value(ask(first, "tell"), "lamplight_searches_total") == 9
    assert value(ask(start(), "tell"), "lamplight_searches_total") == 0  # One of several, it would tell its own.


@pytest.mark.parametrize("damage", [b"\xff" * 64, b"\x00\x01\x00\x00" + b"\xff" * 300, b"\xff\xff\xff\xff"])
def test_a_damaged_file_is_begun_anew(damage, start, folder):
    kill(start())
    [file] = folder.rglob("counter_web-1.db")
    overwrite(file, damage)
    assert value(ask(start(), "tell"), "lamplight_searches_total") == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: overwrite(file, b"\xff" * 64),
        lambda file: overwrite(file, b"\xff\xff\xff\x7f"),
        lambda file: overwrite(file, b"\x00\x01\x00\x00" + b"\xff" * 300),
        lambda file: os.truncate(file, 100),
        lambda file: os.truncate(file, 0),
        Path.unlink,
    ],
    ids=["overwritten", "too long", "no keys", "cut", "empty", "gone"],
)
@pytest.mark.parametrize("name", ["web-2", "web-3"])  # Of one that counts, and of one that has ended.
def test_a_file_that_cannot_be_read_takes_no_other_counts_away_and_is_told_of_once(name, spoil, start, folder):
    first, _second = start(of=3), start(of=3)
    kill(start(of=3))
    [file] = folder.rglob(f"counter_{name}.db")
    spoil(file)
    assert ask(first, "tell").count(f"{file} cannot be read") == 1
    text = ask(first, "tell")
    assert "cannot be read" not in text
    assert value(text, "lamplight_searches_total") == 6
    assert value(text, "lamplight_web_connections") == 10


def test_a_file_that_is_gone_is_begun_anew_by_the_next_process_of_its_name(start, folder):
    first = start()
    kill(start())
    [file] = folder.rglob("counter_web-2.db")
    file.unlink()
    ask(first, "tell")
    start()
    assert value(ask(first, "tell"), "lamplight_searches_total") == 6


def test_counting_goes_on_where_the_folder_was_removed(start, folder):
    process = start()
    shutil.rmtree(folder)
    ask(process, "count 10")
    assert "ended with 0" in ask(process, "fork")


def test_a_process_that_starts_on_a_full_disk_counts_for_itself(start, folder, small_disk):
    small_disk(folder.parent, megabytes=10).fill()
    process = start(of=1)
    assert value(ask(process, "tell"), "lamplight_searches_total") == 3


def test_files_of_former_boots_and_versions_go_unless_somebody_counts_in_them(start, folder):
    former = folder.parent / "0.9.0" / "a-boot"
    former.mkdir(parents=True)
    (former / "web-1.lock").touch()
    first = start()
    assert not former.exists()
    start(folder.parent / "2.0.0")
    assert value(ask(first, "tell"), "lamplight_searches_total") == 3


def test_a_lock_that_another_process_removes_meanwhile_keeps_nobody_from_sharing(start, folder):
    former = folder.parent / "0.9.0" / "a-boot"
    former.mkdir(parents=True)
    (former / "web-1.lock").symlink_to("gone")  # It is listed, and cannot be opened.
    first, second = start(), start()
    assert not former.exists()
    assert value(ask(first, "tell"), "lamplight_searches_total") == 6
    assert value(ask(second, "tell"), "lamplight_searches_total") == 6
