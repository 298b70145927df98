"""How the log reads."""

import copy
import logging


class LineFormatter(logging.Formatter):
    """Writes a refused request (403, a wrong Host) as a line. Its traceback would show Django's own code alone."""

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, "status_code", 500) < 500:
            record = copy.copy(record)  # Others may report it as a whole.
            record.exc_info = record.exc_text = None
        return super().format(record)
