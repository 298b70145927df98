"""Text of bounded length on one line, whoever wrote it."""

import re

MOST = 2_000  # Characters. An address that a stranger makes up has up to 32,000.
# What would begin a line that nobody wrote, change a terminal, or have a reader see another order than there is.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def on_one_line(text: str) -> str:
    return CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def shortened(text: str) -> str:
    return text if len(text) <= MOST else f"{text[:MOST]} ... ({len(text):,} characters)"
