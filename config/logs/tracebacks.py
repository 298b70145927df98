"""A traceback as Python writes it, with what may be told of each error."""

from collections.abc import Iterator
from functools import partial
from traceback import TracebackException
from typing import Any

from config.logs import privacy
from config.logs.plain_text import on_one_line, shortened

MOST = 12_000  # Characters. Docker cuts a line at 16 kB, and JSON writes a line's end as two signs.
MESSAGE = "format_exception_only"  # The method of TracebackException that writes what stands below the frames.


def traceback_of(error: BaseException) -> str:
    """The end of a longer one is kept: the error itself stands there."""
    shown = TracebackException.from_exception(error)
    pairs: list[tuple[TracebackException, Any]] = [(shown, error)]
    while pairs:
        one, its = pairs.pop()
        setattr(one, MESSAGE, partial(_message, its))
        others = [(one.__cause__, its.__cause__), (one.__context__, its.__context__)]
        others += zip(one.exceptions or (), getattr(its, "exceptions", ()), strict=False)
        pairs += [(other, its_error) for other, its_error in others if other is not None]
    text = "".join(shown.format()).rstrip()
    return text if len(text) <= MOST else f"... ({len(text):,} characters)\n{text[-MOST:]}"


def _message(error: BaseException, **options: Any) -> Iterator[str]:
    if isinstance(error, SyntaxError) and error.lineno is not None:
        yield f'  File "{error.filename}", line {error.lineno}\n'
    said = privacy.told(error)
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield f"{kind}: {said}\n" if said else f"{kind}\n"
    if privacy.speaks_of_us(error):
        yield from (f"{shortened(on_one_line(str(note)))}\n" for note in getattr(error, "__notes__", ()))
