"""Reads the items of an RSS feed, or the entries of an Atom feed, one at a time."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from html import escape
from types import MappingProxyType
from unicodedata import normalize

from lxml import etree

from catalog.importing.albums import Misuse
from catalog.importing.catalogue_file import CatalogueFile
from catalog.importing.records import Record

GOOGLE = "base.google.com/ns/1.0"
ITEMS = {"rss": "item", "feed": "entry"}
# Atom's names for what RSS and Google call otherwise, and their rank: Google's elements (0) win over those of RSS and
# Atom (1), and a content over its summary.
SAME = {"content": ("description", 2), "summary": ("description", 3)}
PAGES = ("text/html", "application/xhtml+xml")
# Google's list has about a hundred attributes, some of them with parts, and some come several times.
MAX_ELEMENTS = 1_000
MAX_COLUMNS = 1_000
MAX_DEPTH = 20


class XmlItems:
    """Memory is bounded by one item. libxml2 itself refuses texts above 10 MB and depths above 256."""

    unit = "item"
    entities_undone = True

    def __init__(
        self,
        file: CatalogueFile,
        folded: Callable[[str], str],
        single: Collection[str] = (),
        between: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`folded` gives the name that the format has for a column. Raises Misuse if the file is no feed.

        An item that has different texts for a `single` column is at fault. `between` has what joins those of others.
        """
        self.file = file
        self.folded = folded
        self.single = single
        self.between = between
        next(self._items(), None)

    @cached_property
    def header(self) -> list[str]:
        """The columns of all elements that any item has. Raises Misuse."""
        names: dict[str, None] = {}
        for number, texts in self._items():
            names |= dict.fromkeys(texts)
            if len(names) > MAX_COLUMNS:
                raise Misuse(f"{self.file.label}: elements have more than {MAX_COLUMNS:,} names by item {number}.")
        return list(names)

    @property
    def columns(self) -> list[str]:
        return self.header

    def __iter__(self) -> Iterator[Record]:
        """Raises Misuse."""
        nothing = dict.fromkeys(self.columns, "")
        for number, texts in self._items():
            several = [name for name, found in texts.items() if len(found) > 1 and name in self.single]
            fault = f"it has several {', '.join(several)} that differ; keep one of each" if several else ""
            # With two ids nobody knows whose it is.
            values = {
                name: "" if name in several else self.between.get(name, "\n").join(found)
                for name, found in texts.items()
            }
            yield Record(str(number), {**nothing, **values}, fault)

    def _items(self) -> Iterator[tuple[int, dict[str, list[str]]]]:
        """The number of each item, from 1, and its different texts by column. Raises Misuse."""
        label = self.file.label
        try:
            with self.file.judged(), self.file.open_bytes() as file:
                for number, item in enumerate(self._elements(file), 1):
                    yield number, self._texts(item)
        except etree.XMLSyntaxError as error:
            raise Misuse(f"{label} is not well-formed XML: {error.msg}. Export it again.") from error

    def _texts(self, item: etree._Element) -> dict[str, list[str]]:
        """The texts of the first rank that has any. None is empty or comes twice."""
        found: dict[str, dict[int, dict[str, None]]] = {}
        for element in item.iterchildren(etree.Element):
            meaning, rank = meant(element, item)
            name = self.folded(meaning)
            ranks = found.setdefault(name, {})
            text = normalize("NFC", text_of(element)).strip()
            if text:  # The lines of a description may be meant; elsewhere they are those of the file.
                ranks.setdefault(rank, {})[text if name == "description" else " ".join(text.split())] = None
        return {name: list(ranks[min(ranks)]) if ranks else [] for name, ranks in found.items()}

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
                # A comment before the outermost element has no parent. libxml2 reads on where the element is.
                while element.getprevious() is not None and (parent := element.getparent()) is not None:
                    del parent[0]
            depth -= 1


def meant(element: etree._Element, item: etree._Element) -> tuple[str, int]:
    """The name of what an item's element says, and its rank: a lower one wins."""
    tag = etree.QName(element)
    if GOOGLE in (tag.namespace or "") or element.prefix == "g":
        return tag.localname, 0
    if tag.namespace != etree.QName(item).namespace:  # such as media:title, the name of a picture
        return f"{element.prefix or tag.namespace}:{tag.localname}", 1
    if tag.localname == "link":
        rel, kind = element.get("rel", "alternate"), element.get("type", PAGES[0])
        return ("link", 1) if rel == "alternate" and kind in PAGES else (f"link {rel} {kind}", 1)
    return SAME.get(tag.localname, (tag.localname, 1))


def text_of(element: etree._Element) -> str:
    """Its text, or HTML if it has elements. Comments are none."""
    if next(element.iterchildren(etree.Element), None) is None:
        text = "".join([element.text or "", *(comment.tail or "" for comment in element)])
        return text if text.strip() else element.get("href", "")
    for inner in element.iterdescendants(etree.Element):
        inner.tag = etree.QName(inner).localname  # HTML has no namespaces
    return escape(element.text or "", quote=False) + "".join(
        etree.tostring(inner, encoding="unicode", method="html") for inner in element
    )
