"""A record of the log as a line."""

import io
import json
import logging
import re
import sys
from datetime import datetime
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from config.logs import request_ids
from config.logs.lines import Formatter, LineHandler
from config.logs.process_name import process_name


def record(message: str = "Forbidden: %s", *args: object, error: Exception | None = None, **extra: Any):
    """A record as a logger makes it, with `error` as one that is being handled."""
    exc_info = None
    if error:
        try:
            raise error
        except Exception:
            exc_info = sys.exc_info()
    return logging.getLogger("x").makeRecord("shop", logging.WARNING, "", 0, message, args, exc_info, extra=extra)


def text(*args: Any, **extra: Any) -> str:
    """The line without its time."""
    return Formatter("text").format(record(*args, **extra)).partition(" ")[2]


def as_json(*args: Any, **extra: Any) -> dict[str, Any]:
    line = Formatter("json").format(record(*args, **extra))
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_has_time_level_logger_message_and_fields():
    with request_ids.bound("abc-1"):
        assert text("%d found", 3, fields={"status": 200}) == "WARNING shop: 3 found request_id=abc-1 status=200"


def test_json_has_the_same_and_the_process():
    with request_ids.bound("abc-1"):
        found = as_json("%d found", 3, fields={"status": 200, "view": None})
    assert datetime.fromisoformat(found.pop("time")).utcoffset() is not None
    assert found.pop("pid") > 0
    assert found.pop("process") == process_name()
    assert found == {"level": "warning", "logger": "shop", "event": "3 found", "request_id": "abc-1", "status": 200}


def test_a_refused_request_is_one_line():
    assert text("Forbidden: %s", "/admin/", error=PermissionDenied("no"), status_code=403) == (
        "WARNING shop: Forbidden: /admin/"
    )


def test_a_failure_is_told_with_its_traceback():
    line = text("Failed", error=OSError("disk"), status_code=500)
    assert line.startswith("WARNING shop: Failed\nTraceback (most recent call last):\n  File")
    assert line.endswith("\nOSError: disk")
    found = as_json("Failed", error=OSError("disk"))
    assert (found["event"], found["exception"].splitlines()[-1]) == ("Failed", "OSError: disk")


def test_an_endless_line_is_cut():
    line = text("Not Found: /" + "x" * 32_000, fields={"path": "y" * 5_000})
    assert '... (32,012 characters) path="yyy' in line
    assert line.endswith('... (5,000 characters)"')


@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b[31m", "\u2028", "\x85", "\u202e", "\u2066"])
def test_who_sends_a_request_writes_no_line_of_their_own(sign):
    line = text("request", fields={"path": f"/a{sign}2026 INFO shop: paid"})
    assert len(line.splitlines()) == 1
    assert sign[0] not in line


@pytest.mark.parametrize("path", ["/a status=200", "/a=b", '/"a', ""])
def test_a_value_that_could_be_taken_for_others_is_quoted(path):
    assert text("request", fields={"path": path, "status": 404}).endswith(f"path={json.dumps(path)} status=404")


def test_a_call_with_the_wrong_arguments_is_told_all_the_same():
    assert text("%d of %d", "x") == "WARNING shop: %d of %d"


class Unspeakable:
    def __str__(self) -> str:
        raise LookupError("no words")


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_record_that_cannot_be_told_says_where_it_comes_from(kind):
    stream = io.StringIO()
    handler = LineHandler(stream)
    handler.setFormatter(Formatter(kind))
    for what in (Unspeakable(), nested(100_000)):
        arguments = ("shop", logging.ERROR, "shop.py", 7, "no %s", (what,), None)
        handler.handle(logging.getLogger("x").makeRecord(*arguments))
    assert re.findall(r"cannot be told \(\w+\): shop.py:7", stream.getvalue()) == [
        "cannot be told (LookupError): shop.py:7",
        "cannot be told (ValueError): shop.py:7",
    ]


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner
