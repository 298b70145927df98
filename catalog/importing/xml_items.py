"""Reads the items of an RSS feed, or the entries of an Atom feed, one at a time."""

from collections.abc import Callable, Iterator
from functools import cached_property
from unicodedata import normalize

from lxml import etree

from catalog.importing.albums import Misuse
from catalog.importing.catalogue_file import CatalogueFile
from catalog.importing.records import Record

GOOGLE = "http://base.google.com/ns/1.0"
ITEMS = {"rss": "item", "feed": "entry"}
# Atom's names for what RSS and Google call otherwise.
SAME = {"summary": "description", "content": "description"}
# Google's list has about a hundred attributes, some of them with parts, and some come several times.
MAX_ELEMENTS = 1_000
MAX_COLUMNS = 1_000
MAX_DEPTH = 20


class XmlItems:
    """Memory is bounded by one item. libxml2 itself refuses texts above 10 MB and depths above 256."""

    unit = "item"
    entities_undone = True

    def __init__(self, file: CatalogueFile, folded: Callable[[str], str]) -> None:
        """`folded` gives the name that the format has for a column. Raises Misuse if the file is no feed."""
        self.file = file
        self.folded = folded
        next(self._items(), None)

    @cached_property
    def header(self) -> list[str]:
        """The names of all elements that any item has. Raises Misuse."""
        names: dict[str, None] = {}
        for number, values in self._items():
            names |= dict.fromkeys(values)
            if len(names) > MAX_COLUMNS:
                raise Misuse(f"{self.file.label}: elements have more than {MAX_COLUMNS:,} names by item {number}.")
        return list(names)

    @property
    def columns(self) -> list[str]:
        return [self.folded(name) for name in self.header]

    def __iter__(self) -> Iterator[Record]:
        """Raises Misuse."""
        nothing = dict.fromkeys(self.columns, "")
        for number, values in self._items():
            folded = {self.folded(name): normalize("NFC", text).strip() for name, text in values.items()}
            yield Record(str(number), {**nothing, **folded})

    def _items(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The number of each item, from 1, and its texts. Raises Misuse."""
        label = self.file.label
        try:
            with self.file.judged(), self.file.open_bytes() as file:
                for number, item in enumerate(self._elements(file), 1):
                    yield number, texts(item)
        except etree.XMLSyntaxError as error:
            raise Misuse(f"{label} is not well-formed XML: {error.msg}. Export it again.") from error

    def _elements(self, file: object) -> Iterator[etree._Element]:
        """The elements of items. Each is emptied when the next one is asked for."""
        label = self.file.label
        # No entity is expanded, nothing is fetched, and a file that defines entities is refused.
        events = etree.iterparse(file, ("start", "end"), resolve_entities=False, no_network=True, huge_tree=False)
        wanted, depth, inside, elements, number = "", 0, 0, 0, 0
        for event, element in events:
            name = etree.QName(element).localname
            if event == "start":
                depth += 1
                if depth == 1:
                    wanted = ITEMS.get(name, "")
                    if element.getroottree().docinfo.doctype:
                        raise Misuse(f"{label} has a DOCTYPE, which feeds never need: remove it.")
                    if not wanted:
                        raise Misuse(f"{label} is XML, but neither RSS nor Atom: its outermost element is {name}.")
                if inside:
                    elements += 1
                elif name == wanted:
                    inside, elements = depth, 0
                    number += 1
                if elements > MAX_ELEMENTS or depth > MAX_DEPTH:
                    raise Misuse(f"{label}: item {number} has more than {MAX_ELEMENTS:,} elements, or too deep ones.")
                continue
            if depth == inside:
                yield element
                inside = 0
            if not inside:
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            depth -= 1


def texts(item: etree._Element) -> dict[str, str]:
    """The texts of its elements by name. Several of one name are lines. Google's win over those of RSS and Atom."""
    plain: dict[str, list[str]] = {}
    google: dict[str, list[str]] = {}
    for element in item.iterchildren(etree.Element):
        tag = etree.QName(element)
        values = google if tag.namespace == GOOGLE else plain
        text = (element.text or "").strip() or (element.get("href", "") if tag.localname == "link" else "")
        values.setdefault(SAME.get(tag.localname, tag.localname), []).append(text)
    return {name: "\n".join(filter(None, found)) for name, found in {**plain, **google}.items()}
