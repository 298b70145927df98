"""What texts of a catalogue mean: prices, truths, lists of addresses, HTML."""

import re
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
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
# Between thousands: "1 299" and "1'299" are one number, "12 50" is none.
GAP = re.compile(r"(?<=[0-9])['’\s](?=[0-9]{3}(?![0-9]))")
THOUSANDS = re.compile(
    r"(?P<whole>[+-]?[1-9][0-9]{0,2}(?P<sign>[.,])[0-9]{3}(?:(?P=sign)[0-9]{3})*)(?P<decimals>(?!(?P=sign))[.,][0-9]*)?"
)
DECIMAL = re.compile(r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)")
CREDENTIALS = re.compile(r"//[^/]*@")
TAG = re.compile(r"<[a-zA-Z/!]")
UNSEEN = {"script", "style", "head", "template"}
INLINE = {"a", "abbr", "b", "code", "em", "font", "i", "mark", "s", "small", "span", "strong", "sub", "sup", "u"}


def as_price(text: str, field: str = "price") -> Decimal | None:
    """12.50 or 12,50, with thousands apart as in 1.299,50, 1,299.50, 1 299,50 and 1'299.50. None if there is no text.

    `field` is what the messages call it. Raises Refused, for 1.299 too: its sign may part thousands or cents.
    """
    if not text:
        return None
    number = GAP.sub("", text)
    if found := THOUSANDS.fullmatch(number):
        whole, decimals = found["whole"], found["decimals"]
        if not decimals and whole.count(found["sign"]) == 1:
            plain = whole.replace(found["sign"], "")
            raise Refused(
                f"{field} {text}: with three digits after one sign it is unclear; write {plain}.00, if so meant"
            )
        number = f"{whole.replace(found['sign'], '')}.{(decimals or '')[1:]}"
    elif not DECIMAL.fullmatch(number):
        raise Refused(f"{field} {text}: not a number, write it like 1299.00")
    return Decimal(number.replace(",", "."))


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


def first_addresses(addresses: Iterable[str], left_out: Counter[str]) -> tuple[str, ...]:
    """Each address once, as many as a product has photos. Counts the rest. Raises Refused.

    An export names all photos that the shop has. In Lamplight's own CSV somebody chose them, so too many are a mistake.
    """
    distinct = list(dict.fromkeys(filter(None, map(str.strip, addresses))))
    if more := distinct[MAX_PHOTOS:]:
        left_out[f"Photos left out, since a product has at most {MAX_PHOTOS}"] += len(more)
    return web_addresses(distinct[:MAX_PHOTOS])


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


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def flat(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")
