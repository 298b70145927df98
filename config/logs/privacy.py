"""What may be said of an error in a log: nothing that a customer sent.

An error's message often quotes the value that it is about: a word of a query, a file's name, a row with its keys. Such
messages are left out, whoever logs them. The type, SQLSTATE, constraint and traceback stay, which say where to look.
"""

import copy
import logging
import re
from collections.abc import Iterator, Mapping
from reprlib import Repr
from traceback import TracebackException
from typing import Any

import psycopg
from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.db import Error as DatabaseError

from config.logs.plain_text import on_one_line, shortened

LEFT_OUT = "(its message is left out: it may quote what was sent)"
# Errors of these types speak of the code, of the machine and of addresses.
SPEAK_OF_US = (
    ArithmeticError,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    RuntimeError,
    TypeError,
    DisallowedHost,
    ImproperlyConfigured,
)
# Modules whose errors do so as well: our own, by the first part of the name, and those of servers and workers.
OURS = {"access", "catalog", "config", "descriptions", "evaluation", "ml", "operations", "search", "staff"}
OTHERS = {"billiard.exceptions", "celery.exceptions", "kombu.exceptions", "redis.exceptions"}
QUOTE_A_TASK = {"MaxRetriesExceededError", "Retry"}  # Celery's: its arguments, or what it failed with.
# Where an OSError speaks of the machine. Those of libraries, such as `requests`, hold headers and addresses.
MACHINE = {"builtins", "socket", "ssl", "http.client"}
# From the first quote to the last: a value may hold quotes itself. A server's own language has its own quotes.
QUOTES = "\"'`´«»‹›„“”‟‚‘’「」『』"
QUOTED = re.compile(f"[{QUOTES}].*[{QUOTES}]", re.DOTALL)
ADDRESS = re.compile("(?<=failed - ).*(?= does not match)", re.DOTALL)  # In what Django says of a forged form.
BUT_GOT = " but got "  # So a field of Django's quotes what it was given, in a TypeError too.
LEAST = 8  # Characters of an error's words that are looked for in a message. Shorter ones stand there by chance.
# Python's repr, for an error whose own fails as well.
WHOLE = Repr()
WHOLE.maxother = 10_000_000


def told(error: BaseException) -> str:
    """The error in a line of bounded length: its message if it may be told, otherwise that it was left out."""
    if isinstance(error, DatabaseError) and isinstance(error.__cause__, psycopg.Error):
        error = error.__cause__
    if isinstance(error, psycopg.Error):
        said = _told_by_postgresql(error)
    elif type(error).__module__ in MACHINE and isinstance(error, OSError) and error.errno is not None:
        said = f"[Errno {error.errno}] {error.strerror}"  # Without the names of files.
    else:
        words = _words(error)
        said = words if not words or (speaks_of_us(error) and BUT_GOT not in words) else LEFT_OUT
    return shortened(on_one_line(" ".join(said.split())))


def speaks_of_us(error: BaseException) -> bool:
    """Whether the message of an error speaks of the code or the machine, by its type."""
    module = type(error).__module__
    if module in OTHERS:
        return type(error).__name__ not in QUOTE_A_TASK
    if module in MACHINE and isinstance(error, OSError):
        return True
    return module.partition(".")[0] in OURS or isinstance(error, SPEAK_OF_US)


def _words(error: BaseException) -> str:
    """str(error), or that it fails."""
    return str(TracebackException(type(error), error, None, lookup_lines=False, compact=True))


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
    """The error, then those that led to it, the newest first, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def cleaned(record: logging.LogRecord) -> logging.LogRecord:
    """The record as it may be written. Others may hold the one that was given."""
    clean = copy.copy(record)
    clean.msg, clean.args = message(record), ()
    if error_of(record) is None:
        clean.exc_info = clean.exc_text = None
    return clean


def message(record: logging.LogRecord) -> str:
    """What a record says, without the messages of errors that may not be told."""
    if record.name.startswith("django.security"):
        return _refusal(record)
    if record.name.startswith("celery.worker.consumer") and "message" in str(record.msg):
        return _not_taken(record)
    safe = copy.copy(record)
    safe.msg, safe.args = _safe(record.msg), _all_safe(record.args)
    try:
        text = safe.getMessage()
    except (TypeError, ValueError, KeyError):  # The call is wrong. What it says is worth more than nothing.
        text = str(safe.msg)
    return _without_words_of(record.exc_info[1] if record.exc_info else None, text)


def _refusal(record: logging.LogRecord) -> str:
    """What Django says of a request that it suspects is in the request's own words, but for a form that is forged."""
    kind = f"refused: {record.name.rpartition('.')[2]}"
    reason = record.args[0] if isinstance(record.args, tuple) and record.args else ""
    return f"{kind}: {ADDRESS.sub('...', str(reason))}" if record.name == "django.security.csrf" else kind


def _not_taken(record: logging.LogRecord) -> str:
    """What a worker says of a message that it cannot take, up to where it quotes that. The name of a task stays."""
    said = str(record.msg).strip().splitlines()[0].partition("%")[0].rstrip(" :")
    name = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return f"{said} {name}" if isinstance(name, KeyError) else said


def _without_words_of(error: BaseException | None, text: str) -> str:
    """A message without the errors that Celery and others write into it themselves."""
    told_of: dict[str, str] = {}
    for one in chain(error):
        words = _words(one)
        said = WHOLE.repr(one), words if len(words) >= LEAST else ""
        told_of |= {words: _named(one) for words in said if words and len(words) <= len(text)}
    if not told_of:
        return text
    longest_first = sorted(map(re.escape, told_of), key=len, reverse=True)
    return re.sub(rf"(?<!\w)(?:{'|'.join(longest_first)})(?!\w)", lambda found: told_of[found[0]], text)


def error_of(record: logging.LogRecord) -> BaseException | None:
    """The error of which a traceback is to be written. That of a refused request would show Django's own code alone."""
    is_refusal = getattr(record, "status_code", 500) < 500
    return record.exc_info[1] if record.exc_info and not is_refusal else None


def _named(error: BaseException) -> str:
    said = told(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _safe(value: Any) -> Any:
    if isinstance(value, list | tuple) and any(isinstance(one, BaseException) for one in value):
        return list(map(_safe, value))
    if not isinstance(value, BaseException):
        return value
    said = told(value)
    return _named(value) if said.startswith(LEFT_OUT) or not said else said


def _all_safe(args: Any) -> Any:
    if isinstance(args, Mapping):
        return {name: _safe(value) for name, value in args.items()}
    return tuple(map(_safe, args)) if isinstance(args, tuple) else args
