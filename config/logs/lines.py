"""How a record of the log is written: as a line to be read (text), or as one JSON object (json)."""

import json
import logging
import os
import re
import sys
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer, TimeStamper
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from config.logs import privacy
from config.logs.plain_text import on_one_line, shortened
from config.logs.process_name import process_name
from config.logs.tracebacks import traceback_of

FIRST = ("time", "level", "logger", "event", "process", "pid")
AMBIGUOUS = re.compile(r"[\s=\"]|^$")


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes to standard error. Of a record that cannot be told it says where that comes from."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except RecursionError as error:  # Of this one `logging` would say nothing, and whoever logs would get it.
            raise ValueError("what is to be told is nested too deeply") from error

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging calls it
        error = sys.exc_info()[1]
        if isinstance(error, OSError) or hasattr(record, "stands_in"):  # The disk is full, or the terminal gone.
            return
        said = {"msg": "cannot be told (%s): %s:%d", "args": (type(error).__name__, record.pathname, record.lineno)}
        about = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname, "stands_in": True}
        self.emit(logging.makeLogRecord({**about, **said}))


class Formatter(ProcessorFormatter):
    """Writes what may be said of a record, with the fields of the request or the task that it belongs to."""

    def __init__(self, kind: str) -> None:
        """`kind` is LOG_FORMAT: text or json."""
        processors: list[Processor] = [
            structlog.contextvars.merge_contextvars,
            add_log_level,
            add_logger_name,
            TimeStamper(fmt="iso", utc=True, key="time"),
            _add_fields,
            ExceptionRenderer(_traceback),
            ProcessorFormatter.remove_processors_meta,
            _in_order,
            JSONRenderer() if kind == "json" else _as_text,
        ]
        super().__init__(processors=processors)

    def format(self, record: logging.LogRecord) -> str:
        return super().format(privacy.cleaned(record))


def _add_fields(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Which process wrote the line, and the record's own fields: `extra={"fields": {"status": 200}}`."""
    fields = getattr(event["_record"], "fields", {})
    given = {key: shortened(value) if isinstance(value, str) else value for key, value in fields.items()}
    return {**event, **given, "event": shortened(event["event"]), "process": process_name(), "pid": os.getpid()}


def _traceback(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    return traceback_of(exc_info[1])


def _in_order(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    order = dict.fromkeys((*FIRST, *event))
    return {key: event[key] for key in order if event[key] is not None}


def _as_text(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """`TIME LEVEL LOGGER: EVENT key=value ...`, and a traceback below."""
    rest = {key: value for key, value in event.items() if key not in (*FIRST, "exception")}
    said = " ".join([event["event"], *(f"{key}={_quoted(value)}" for key, value in rest.items())])
    line = f"{event['time']} {event['level'].upper()} {event['logger']}: {on_one_line(said)}"
    return f"{line}\n{event['exception']}" if "exception" in event else line


def _quoted(value: Any) -> str:
    """A value that cannot be taken for several fields."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if AMBIGUOUS.search(text) else text
