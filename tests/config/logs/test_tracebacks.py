"""Tracebacks: whole, bounded, and without what they may quote."""

import pytest

from config.logs.privacy import LEFT_OUT
from config.logs.tracebacks import MOST, traceback_of

SECRET = "velvet-sofa-7"


def test_the_errors_of_a_group_are_told_each():
    told = traceback_of(ExceptionGroup(SECRET, [ValueError(SECRET), RuntimeError("no model")]))
    assert SECRET not in told
    assert f"ExceptionGroup: {LEFT_OUT}" in told
    assert "ValueError: (its message" in told
    assert "RuntimeError: no model" in told


def test_a_note_is_told_of_an_error_that_may_be():
    for error, expected in ((RuntimeError("no model"), True), (ValueError(SECRET), False)):
        error.add_note("in the second space")
        assert traceback_of(error).endswith("\nin the second space") is expected


def test_where_a_program_cannot_be_read_is_told():
    with pytest.raises(SyntaxError) as caught:
        compile(f"\n{SECRET!r} x", "shop.py", "exec")
    assert SECRET not in traceback_of(caught.value).replace('{SECRET!r} x"', "")
    assert f'  File "shop.py", line 2\nSyntaxError: {LEFT_OUT}' in traceback_of(caught.value)


def test_an_endless_message_is_cut():
    told = traceback_of(RuntimeError("x" * 5_000_000))
    assert told.endswith("... (5,000,000 characters)")
    assert len(told) < 3_000


def test_of_an_endless_traceback_the_end_stays():
    error: Exception = RuntimeError("the first")
    for number in range(1_000):
        later = RuntimeError(f"number {number}")
        later.__cause__ = error
        error = later
    told = traceback_of(error)
    assert told.startswith("... (")
    assert told.endswith("RuntimeError: number 999")
    assert len(told) < MOST + 100


def test_a_message_writes_no_line_of_its_own():
    told = traceback_of(RuntimeError("no\n2026 INFO shop: paid\x1b[31m\u202e"))
    assert told == "RuntimeError: no 2026 INFO shop: paid\\x1b[31m\\u202e"
