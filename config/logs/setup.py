"""The log of a process is set up: by Django (settings.LOGGING_CONFIG), or before it is."""

import logging
import logging.config
import sys
import threading
from types import TracebackType
from typing import Any, NoReturn

from django.conf import settings

from config.logs.process_name import process_name

logger = logging.getLogger("config")
terminal = logging.getLogger("config.terminal")


def configure(logging_settings: dict[str, Any]) -> None:
    """Set up the log. Errors that nobody catches, and warnings, are lines of it.

    At a terminal Python itself writes the error that ends a command, with all that it says: whoever typed the command
    may read it.
    """
    logging.config.dictConfig(logging_settings)
    logging.captureWarnings(True)
    logging.raiseExceptions = settings.DEBUG  # A line that cannot be written would be written in another shape.
    if settings.LOG_FORMAT == "json" or not process_name().startswith("manage.py"):
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread
        sys.unraisablehook = _ignored


def configure_early() -> None:
    """Set up the log of a process that is not Django's yet, or never is."""
    configure(settings.LOGGING)


class TerminalHandler(logging.Handler):
    """Speaks to the person who started the program, if their terminal is still there."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(f"lamplight: {record.getMessage()}", file=sys.stderr, flush=True)
        except OSError:
            self.handleError(record)


def announce(text: str) -> None:
    """Tell the person who started the program, on its output; where JSON is wanted, in a line of it."""
    if settings.LOG_FORMAT == "json":
        terminal.info("%s", text.strip())
    else:
        print(text, flush=True)


def relay(line: str) -> None:
    """Write what another process of the shop wrote for the person who started this one."""
    if settings.LOG_FORMAT == "json" and not line.startswith("{"):
        terminal.info("%s", line.strip())
    else:
        print(line, end="", file=sys.stderr)


def end(reason: str) -> NoReturn:
    """End the process with exit code 1 and say why."""
    if not terminal.hasHandlers():  # The settings cannot be read.
        sys.exit(f"lamplight: {reason}")
    terminal.critical("%s", reason)
    sys.exit(1)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is None or issubclass(kind, KeyboardInterrupt | SystemExit):
        sys.__excepthook__(kind, error or kind(), trace)
    else:
        logger.critical("uncaught error", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):  # By which a thread may end itself.
        fields = {"thread": args.thread.name if args.thread else None}
        error = (args.exc_type, args.exc_value, args.exc_traceback)
        logger.critical("uncaught error", exc_info=error, extra={"fields": fields})


def _ignored(args: "sys.UnraisableHookArgs") -> None:
    """An error where Python can raise none: in a destructor, or in what the garbage collector calls."""
    if args.exc_value is not None:
        place = getattr(args.object, "__qualname__", type(args.object).__qualname__)
        logger.error("error ignored in %s", place, exc_info=(args.exc_type, args.exc_value, args.exc_traceback))
