"""What all formats say of themselves."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from catalog.importing.albums import Album
from catalog.importing.records import Source
from catalog.importing.rows import ProductRow, RefusedRow

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
