"""What may be said of an error in a log: nothing that a customer sent.

An error's message often quotes the value that it is about: a word of a query, a file's name, a row with its keys. Such
messages are left out, whoever logs them. The type, SQLSTATE, constraint and traceback stay, which say where to look.
"""

import copy
import logging
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.db import Error as DatabaseError

LEFT_OUT = "(its message is left out: it may quote what was sent)"
# Errors of these types speak of the code, of the machine and of addresses. An OSError is also what `requests` raises.
SPEAK_OF_US = (
    ArithmeticError,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    DisallowedHost,
    ImproperlyConfigured,
)
# Modules whose errors do so as well: our own, by the first part of the name, and those of servers and workers.
OURS = {"catalog", "config", "descriptions", "evaluation", "ml", "operations", "search", "staff"}
OTHERS = {"billiard.exceptions", "celery.exceptions", "kombu.exceptions", "redis.exceptions"}
QUOTED = re.compile(r"\".*\"|'.*'", re.DOTALL)  # From the first quote to the last: a value may hold quotes itself.
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
MEANWHILE = "\nDuring handling of the above exception, another exception occurred:\n\n"


def told(error: BaseException) -> str:
    """The error in a line: its message if it may be told, otherwise that it was left out."""
    if isinstance(error, psycopg.Error):
        return _told_by_postgresql(error)
    if isinstance(error, DatabaseError):
        return told(error.__cause__) if isinstance(error.__cause__, psycopg.Error) else LEFT_OUT
    module = type(error).__module__
    if isinstance(error, SPEAK_OF_US) or module in OTHERS or module.partition(".")[0] in OURS:
        return str(error)
    return LEFT_OUT if str(error) else ""


def _told_by_postgresql(error: psycopg.Error) -> str:
    """The server quotes values in its message, and whole rows in the DETAIL. Names of ours it sends apart from them."""
    said = error.diag
    if said.message_primary is None:  # The server said nothing: it could not be reached.
        return str(error) if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else LEFT_OUT
    if error.sqlstate and error.sqlstate.startswith("P0"):  # The words are those of a function in the database.
        return f"{LEFT_OUT} [SQLSTATE {error.sqlstate}]"
    names = [name for name in (said.table_name, said.column_name, said.constraint_name) if name]
    place = f" ({', '.join(names)})" if names else ""
    return f"{QUOTED.sub('...', said.message_primary)} [SQLSTATE {error.sqlstate}]{place}"


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, then those that led to it, the newest first, as Python would show them."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def traceback_of(error: BaseException) -> str:
    """The traceback as Python writes it, with what may be told of each error."""
    parts: list[str] = []
    for one in chain(error):
        frames = "".join(traceback.format_tb(one.__traceback__))
        said = told(one)
        kind = f"{type(one).__module__}.{type(one).__qualname__}".removeprefix("builtins.")
        parts.append(f"Traceback (most recent call last):\n{frames}{kind}{': ' if said else ''}{said}\n")
        parts.append(CAUSED if one.__cause__ else MEANWHILE)
    return "".join(reversed(parts[:-1])).rstrip()


def cleaned(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it may be written. Others may hold the one that was given."""
    clean = copy.copy(record)
    clean.msg, clean.args = message(record), ()
    if error_of(record) is None:
        clean.exc_info = clean.exc_text = None
    return clean


def message(record: logging.LogRecord) -> str:
    """What a record says, without the messages of errors that may not be told."""
    if record.name.startswith("django.security"):  # Its words are those of the request.
        return f"refused: {record.name.rpartition('.')[2]}"
    safe = copy.copy(record)
    safe.msg, safe.args = _safe(record.msg), _all_safe(record.args)
    try:
        text = safe.getMessage()
    except (TypeError, ValueError, KeyError):  # The call is wrong. What it says is worth more than nothing.
        text = str(safe.msg)
    for error in chain(record.exc_info[1] if record.exc_info else None):
        for said in (repr(error), str(error)):  # Celery and others write the error into the message themselves.
            if said and said in text:
                text = text.replace(said, f"{type(error).__name__}: {told(error)}")
    return text


def error_of(record: logging.LogRecord) -> BaseException | None:
    """The error of which a traceback is to be written. That of a refused request would show Django's own code alone."""
    is_refusal = getattr(record, "status_code", 500) < 500
    return record.exc_info[1] if record.exc_info and not is_refusal else None


def _safe(value: Any) -> Any:
    return told(value) if isinstance(value, BaseException) else value


def _all_safe(args: Any) -> Any:
    if isinstance(args, Mapping):
        return {name: _safe(value) for name, value in args.items()}
    return tuple(map(_safe, args)) if isinstance(args, tuple) else args
