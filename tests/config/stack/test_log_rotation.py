"""Logs that are written to while they are shortened."""

import shutil
import subprocess
import sys

import pytest

from config.stack import log_rotation
from config.stack.log_rotation import last_line, shorten

WRITES = """
import sys
log = open(sys.argv[1], "ab", buffering=0)
for number in range(60_000):
    log.write(b"%06d and all that belongs to it\\n" % number)
"""


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(log_rotation, "MOST_BYTES", 100)
    return tmp_path / "web.log"


def test_a_short_log_is_left_alone(log):
    log.write_text("x" * 100)
    shorten(log)
    assert [path.name for path in log.parent.iterdir()] == ["web.log"]


def test_a_long_log_is_emptied_and_the_three_before_it_are_kept(log):
    for text in "abcde":
        log.write_text(text * 101)
        shorten(log)
    held = {path.name: path.read_text()[:1] for path in log.parent.iterdir()}
    assert held == {"web.log": "", "web.log.1": "e", "web.log.2": "d", "web.log.3": "c"}


def test_no_line_is_torn_while_a_process_writes(log, monkeypatch):
    monkeypatch.setattr(log_rotation, "MOST_BYTES", 500_000)
    monkeypatch.setattr(log_rotation, "KEPT", 100)
    log.touch()
    with subprocess.Popen([sys.executable, "-c", WRITES, str(log)]) as writer:
        while writer.poll() is None:
            shorten(log)
    parts = [log, *sorted(log.parent.glob("web.log.*"), key=lambda path: int(path.suffix[1:]))]
    assert len(parts) >= 3
    lines = [line for part in reversed(parts) for line in part.read_text().splitlines()]
    assert all(line[6:] == " and all that belongs to it" for line in lines)
    numbers = [int(line[:6]) for line in lines]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 59_999


def test_a_disk_that_fills_while_a_log_is_copied_leaves_all_as_it_is(small_disk, monkeypatch):
    monkeypatch.setattr(log_rotation, "MOST_BYTES", 100)
    disk = small_disk(megabytes=1)
    log = disk.folder / "web.log"
    log.write_text("x" * 200_000)
    copy = shutil.copyfileobj

    def copy_while_others_write(*files) -> None:
        copy(*files)
        with log.open("a") as writer:
            writer.write("y" * 500_000 + "\n")

    monkeypatch.setattr(shutil, "copyfileobj", copy_while_others_write)
    shorten(log)
    assert [path.name for path in disk.folder.iterdir()] == ["web.log"]
    assert log.stat().st_size == 700_001


def test_a_log_that_cannot_be_copied_stays_as_it_is(log):
    log.write_text("x" * 101)
    (log.parent / "web.log.new").mkdir()
    shorten(log)
    assert log.read_text() == "x" * 101


def test_the_last_line_of_a_log_is_found_and_none_is_said(log):
    assert last_line(log) == "no output"
    log.write_text("one\nNot ready: two\nthree\n\n")
    assert (last_line(log), last_line(log, "Not ready: ")) == ("three", "two")


def test_of_a_line_of_json_what_it_says_is_told(log):
    log.write_text('{"event": "Not ready: two", "pid": 1}\n{"event": "x", "exception": "Traceback\\nOSError: disk"}\n')
    assert (last_line(log), last_line(log, "Not ready: ")) == ("OSError: disk", "two")
    log.write_text("{no JSON\n")
    assert last_line(log) == "{no JSON"
