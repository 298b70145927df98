"""What texts of a catalogue mean: prices, truths, lists of addresses, HTML."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from html import unescape

from lxml import etree, html
from rest_framework.serializers import BooleanField

from catalog.importing.albums import Refused
from catalog.importing.rows import printable
from catalog.models import Product
from catalog.photos import MAX_PHOTOS, TooManyPhotos

# The words that the API reads.
TRUTHS = {
    text: is_true
    for is_true, texts in ((True, BooleanField.TRUE_VALUES), (False, BooleanField.FALSE_VALUES))
    for text in texts
    if isinstance(text, str)
}
CREDENTIALS = re.compile(r"//[^/]*@")
TAG = re.compile(r"<[a-zA-Z/!]")
UNSEEN = {"script", "style", "head", "template"}
INLINE = {"a", "abbr", "b", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u"}


def as_price(text: str) -> Decimal | None:
    """12.50, or 12,50 as spreadsheets of half of Europe write it."""
    if not text:
        return None
    whole, comma, cents = text.partition(",")
    try:
        price = Decimal(f"{whole}.{cents}" if comma and len(cents) < 3 and "." not in whole else text)
    except InvalidOperation as error:
        raise Refused(f"price {text}: not a number") from error
    if not price.is_finite():
        raise Refused(f"price {text}: not a number")
    return price


def as_truth(text: str) -> bool:
    if not text:
        return True
    if text.lower() not in TRUTHS:
        raise Refused(f"in_stock {text}: write true or false")
    return TRUTHS[text.lower()]


def as_currency(text: str) -> str:
    return text.upper() or Product._meta.get_field("currency").get_default()


def last_step(path: str) -> str:
    """ "Chairs" of "Furniture > Chairs"."""
    return path.split(">")[-1].strip()


def web_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each address once, in order. Raises Refused."""
    found = tuple(dict.fromkeys(printable(address.strip()) for address in addresses if address.strip()))
    if bad := next((address for address in found if not address.lower().startswith(("http://", "https://"))), None):
        told = CREDENTIALS.sub("//", bad)
        raise Refused(f"image {told}: not a web address, write one that starts with https://")
    if len(found) > MAX_PHOTOS:
        raise Refused(str(TooManyPhotos()))
    return found


def html_as_text(text: str) -> str:
    """The text that a browser would show, with its entities undone once. Text without tags keeps its lines.

    Raises Refused.
    """
    if not TAG.search(text):
        return unescape(text).strip()
    try:
        # As bytes: a text that names an encoding of its own would be refused.
        parser = html.HTMLParser(encoding="utf-8")
        page = html.document_fromstring(text.encode(), parser=parser)
    except etree.ParserError:  # nothing but a comment
        return ""
    if any(error.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for error in parser.error_log):
        raise Refused("its HTML has more than 256 elements within each other; write plain text")
    pieces: list[str] = []
    walk = etree.iterwalk(page, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        if event == "start" and element.tag in UNSEEN:
            walk.skip_subtree()
        elif event == "start":
            pieces += ["" if element.tag in INLINE else "\n", flat(element.text)]
        elif event == "end":
            pieces += ["" if element.tag in INLINE else "\n", flat(element.tail)]
        else:
            pieces.append(flat(element.tail))
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(filter(None, lines))


def tags_as_text(text: str) -> str:
    """html_as_text for what was read from XML: without tags it is no HTML, and its entities are undone already."""
    return html_as_text(text) if TAG.search(text) else text.strip()


def flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
