"""How the log reads."""

import copy
import logging

MOST = 2_000  # An address that a stranger makes up has up to 32,000, and is logged when nothing is there.


class LineFormatter(logging.Formatter):
    """Writes a refused request (403, a wrong Host) as a line. Its traceback would show Django's own code alone."""

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "status_code", 500) < 500:
            record = copy.copy(record)  # Others may report it as a whole.
            record.exc_info = record.exc_text = None
        return shortened(super().format(record))


def shortened(text: str) -> str:
    """A line of at most MOST characters. A traceback's lines are many, and stay."""
    return text if len(text) <= MOST or "\n" in text else f"{text[:MOST]} ... ({len(text):,} characters)"
