"""The file that a table or a feed is read from, on the disk or inside a ZIP."""

import codecs
import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, TextIO, cast

from catalog.importing.albums import DAMAGED, Misuse, OutOfReach

logger = logging.getLogger(__name__)

# What code raises that meets a file as nobody imagined it.
UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
XML_STARTS = (b"<", "<".encode("utf-16-le"), "<".encode("utf-16-be"))
MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# White space may come before the first sign of the file.
LOOKED_AT = 1_000


class CatalogueFile:
    def __init__(self, path: Path, label: str = "", open_bytes: Callable[[], IO[bytes]] | None = None) -> None:
        """`label` is what messages call the file. `open_bytes` opens it where it lies in a ZIP."""
        self.path = path
        self.label = label or str(path)
        self.open_bytes: Callable[[], IO[bytes]] = open_bytes or (lambda: path.open("rb"))

    def open_text(self) -> TextIO:
        # Bytes that are not UTF-8 become lone surrogates. They spoil their row, but not the file.
        return io.TextIOWrapper(
            cast(BinaryIO, self.open_bytes()), encoding="utf-8-sig", errors="surrogateescape", newline=""
        )

    def is_xml(self) -> bool:
        """Raises Misuse."""
        with self.judged(), self.open_bytes() as file:
            start = file.read(LOOKED_AT)
        for mark in MARKS:
            start = start.removeprefix(mark)
        return start.lstrip().startswith(XML_STARTS)

    @contextmanager
    def judged(self) -> Iterator[None]:
        """Turns errors of reading into Misuse."""
        try:
            yield
        except OSError as error:
            raise OutOfReach(f"{self.label} cannot be read: {error.strerror}.") from error
        except DAMAGED as error:
            raise Misuse(f"{self.label} is damaged. Pack it again, then send it.") from error
        except UNFORESEEN as error:
            logger.exception("a file cannot be read")
            raise Misuse(
                f"{self.label} cannot be read ({type(error).__name__}: {error}). Please report it with the file."
            ) from error
