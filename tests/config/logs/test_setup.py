"""What a process writes that nobody logged: errors that nobody caught, warnings, and why it ends."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from config.settings import BASE_DIR

THREAD = "import threading; thread = threading.Thread(target={}, name='count'); thread.start(); thread.join()"
DESTRUCTOR = "Shop = type('Shop', (), {'__del__': lambda shop: 1 / 0}); Shop()"


def run(tmp_path, program: str, log_format: str = "json", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import django; django.setup(); {program}"],
        env={**os.environ, "LAMPLIGHT_VAR": str(tmp_path), "LOG_FORMAT": log_format, **environment},
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        timeout=60,
    )


def line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    [written] = done.stderr.splitlines()
    found: dict[str, Any] = json.loads(written)
    return found


@pytest.mark.parametrize("program", ["1 / 0", THREAD.format("lambda: 1 / 0")])
def test_an_error_that_nobody_catches_is_one_line_with_its_traceback(program, tmp_path):
    told = line(run(tmp_path, program))
    assert (told["level"], told["event"]) == ("critical", "uncaught error")
    assert told["exception"].startswith("Traceback")
    assert told["exception"].endswith("ZeroDivisionError: division by zero")


def test_so_it_is_where_python_can_raise_none(tmp_path):
    told = line(run(tmp_path, DESTRUCTOR))
    assert (told["level"], told["event"]) == ("error", "error ignored in <lambda>")
    assert told["exception"].endswith("ZeroDivisionError: division by zero")


def test_a_thread_is_named_and_may_end_itself(tmp_path):
    assert line(run(tmp_path, THREAD.format("lambda: 1 / 0")))["thread"] == "count"
    assert run(tmp_path, THREAD.format("exit")).stderr == ""


@pytest.mark.parametrize("logger", ["django.request", "django.db", "shop"])
def test_an_error_is_one_line_while_debugging_as_well(logger, tmp_path):
    program = f"import logging; logging.getLogger('{logger}').error('no: %s', ValueError('velvet'))"
    assert line(run(tmp_path, program, DEBUG="1"))["event"].startswith("no: ValueError: (its message is left out")


def test_in_text_it_is_told_without_what_it_may_quote(tmp_path):
    done = run(tmp_path, "int('velvet')", log_format="text")
    assert (done.returncode, "ValueError: (its message is left out" in done.stderr) == (1, True)
    assert "literal" not in done.stderr


def test_a_warning_is_a_line(tmp_path):
    assert line(run(tmp_path, "import warnings; warnings.warn('soon gone')"))["logger"] == "py.warnings"


def test_what_ends_a_process_is_told_in_one_line(tmp_path):
    program = "from config.logs.setup import end; end('no port')"
    assert (line(run(tmp_path, program))["event"], run(tmp_path, program).returncode) == ("no port", 1)
    assert run(tmp_path, program, log_format="text").stderr == "lamplight: no port\n"


def test_what_a_person_reads_at_a_terminal_is_a_line_of_json_elsewhere(tmp_path):
    program = "from config.logs.setup import announce; announce('\\nAt work')"
    assert run(tmp_path, program, log_format="text").stdout == "\nAt work\n"
    assert line(run(tmp_path, program))["event"] == "At work"
    assert line(run(tmp_path, program, LOG_LEVEL="warning"))["event"] == "At work"
