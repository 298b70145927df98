"""How a record of the log is written: as a line to be read (text), or as one JSON object (json)."""

import logging
import os
import re
from types import TracebackType

import structlog
from structlog.processors import ExceptionRenderer, JSONRenderer, TimeStamper
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, Processor, WrappedLogger

from config.logs import privacy
from config.logs.process_name import process_name

MOST = 2_000  # Characters. An address that a stranger makes up has up to 32,000.
FIRST = ("time", "level", "logger", "event", "process", "pid")
# What would begin a line that nobody wrote, or change a terminal.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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


def shortened(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]} ... ({len(text):,} characters)"


def _add_fields(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Which process wrote the line, and the record's own fields: `extra={"fields": {"status": 200}}`."""
    fields = getattr(event["_record"], "fields", {})
    given = {key: shortened(value) if isinstance(value, str) else value for key, value in fields.items()}
    return {**event, **given, "event": shortened(event["event"]), "process": process_name(), "pid": os.getpid()}


def _traceback(exc_info: tuple[type[BaseException], BaseException, TracebackType | None]) -> str:
    return privacy.traceback_of(exc_info[1])


def _in_order(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    order = dict.fromkeys((*FIRST, *event))
    return {key: event[key] for key in order if event[key] is not None}


def _as_text(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """`TIME LEVEL LOGGER: EVENT key=value ...`, and a traceback below."""
    rest = {key: value for key, value in event.items() if key not in (*FIRST, "exception")}
    said = " ".join([event["event"], *(f"{key}={value}" for key, value in rest.items())])
    line = f"{event['time']} {event['level'].upper()} {event['logger']}: {_on_one_line(said)}"
    return f"{line}\n{event['exception']}" if "exception" in event else line


def _on_one_line(text: str) -> str:
    return CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)
