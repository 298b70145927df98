"""What all formats say of themselves."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

from catalog.importing.albums import Album, Refused
from catalog.importing.catalogue_file import UNFORESEEN
from catalog.importing.records import Source
from catalog.importing.rows import ProductRow, RefusedRow

P = ParamSpec("P")
logger = logging.getLogger(__name__)

Rows = Iterator[ProductRow | RefusedRow]


@dataclass(frozen=True)
class Format:
    name: str
    """As --format takes it"""
    title: str
    required: tuple[str, ...]
    """Columns without which a file is not of this format"""
    known: frozenset[str]
    """All columns that it defines and reads"""
    folded: Callable[[str], str]
    """The name of a column as `known` writes it: exports vary in capitals and blanks"""
    becomes: Callable[[str], str]
    """What a folded column becomes, in words; empty if it is left out"""
    rows: Callable[[Source, Album, Counter[str]], Rows]
    """Products of the records. Adds to the counter what is left out on purpose, in words, and how often."""
    one_line: frozenset[str] = frozenset()
    """Columns whose cells never have a line break: one in them tells of a quote that is not closed"""
    names_files: bool = False
    """Whether photos are files of the album, one row a record. Otherwise they are at web addresses."""
    hint: str = ""
    """A sentence for the dry run"""


def costs_its_row(made: Callable[P, ProductRow]) -> Callable[P, ProductRow]:
    """`made`, where an error that nobody foresaw costs its row and no others. The log has where it comes from."""

    @wraps(made)
    def made_or_refused(*args: P.args, **kwargs: P.kwargs) -> ProductRow:
        try:
            return made(*args, **kwargs)
        except UNFORESEEN as error:
            logger.exception("a row cannot be read")
            raise Refused(f"it cannot be read ({type(error).__name__}: {error}); please report it") from error

    return made_or_refused
