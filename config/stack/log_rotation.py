"""Logs of bounded length, whoever writes them and whatever becomes of who shortens them."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import IO

MOST_BYTES = 10_000_000  # A week of the busiest quiet log, beat's: it writes 1.3 MB a day.
KEPT = 3  # Older logs: log.1 is the newest of them.
READS = 1_000  # Looks for the end of a line, which takes microseconds to come. A writer that died may leave none.


def shorten(log: Path) -> None:
    """Move what a log holds to log.1 once it is longer than MOST_BYTES, and log.1 to log.2, up to KEPT.

    The file itself stays and is emptied, since its writers keep it open: they must append to it (O_APPEND). Were we to
    read a pipe of theirs instead, they would wait for us, and die with us. A line that is written in the microseconds
    between the last read and the emptying is lost, and never half of one. On a full disk the log stays as it is.
    """
    copy = log.with_name(f"{log.name}.new")
    with suppress(OSError):
        if log.stat().st_size <= MOST_BYTES:
            return
        with log.open("r+b") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
            _copy_last_lines(source, target)
            target.flush()  # Raises where the disk is full, before anything is moved.
            for number in range(KEPT, 1, -1):
                with suppress(FileNotFoundError):
                    _older(log, number - 1).replace(_older(log, number))
            copy.replace(_older(log, 1))
            source.truncate(0)
    with suppress(OSError):
        copy.unlink(missing_ok=True)


def _copy_last_lines(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy what was written meanwhile, up to the end of a line: what is just being written can be seen in part."""
    source.seek(-1, os.SEEK_CUR)
    end = source.read(1)
    for _ in range(READS):
        more = source.read()
        target.write(more)
        end = more[-1:] or end
        if end == b"\n":
            return


def last_line(log: Path, after: str = "") -> str:
    """The last line of a log, or what follows `after` in the last line that has it. "no output" if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 100_000))
            lines = [_said(line) for line in file.read().decode(errors="replace").strip().splitlines()]
    except OSError:
        lines = []
    found = [line.rpartition(after)[2] if after else line for line in lines if after in line]
    return found[-1].strip() if found else "no output"


def _said(line: str) -> str:
    """What a line says, if it is a JSON object (LOG_FORMAT)."""
    try:
        fields = json.loads(line) if line.startswith("{") else {}
    except ValueError:
        return line
    return str(fields.get("exception", fields.get("event", line))).rpartition("\n")[2]


def _older(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
