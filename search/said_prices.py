"""Prices as customers say them: "under 300", "between 100 and 250 euros", "around $80", and sizes, which are none."""

import re
from dataclasses import dataclass
from decimal import Decimal

Span = tuple[int, int]

# "About 300" is a fifth less to a fifth more.
ABOUT = Decimal("0.2")
# Beyond what a price's column holds.
TOO_MUCH = Decimal(10) ** 10
CENT = Decimal("0.01")
# Thousands are parted by a comma, a point, a blank or an apostrophe.
NUMBER = r"(?>\d{1,3}(?:[ \u00a0\u202f'’]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)*)"
CURRENCY = (
    r"(?:[€$£¥]|(?:euros?|eur|usd|dollars?|bucks|gbp|pounds?|chf|francs?|sek|nok|dkk|kr|pln|zł|czk|jpy|yen)(?!\w))"
)
# What follows a number that is no price. "In" is left out unless it touches the number: "under 300 in oak".
UNIT = (
    r"(?:(?:mm|cm|dm|m|km|met(?:re|er)s?|inch(?:es)?|ft|feet|foot|kg|g|grams?|lbs?|oz|watts?|w|kw|volts?|v|lm|lumens?"
    r"|kelvin|k|ml|l|lit(?:re|er)s?|percent|degrees?|seats?|seaters?|persons?|people|pieces?|pcs|drawers?|doors?|legs?"
    r"|lights?|bulbs?|shelves|cushions?|pillows?|colou?rs?|years?|months?|weeks?|days?|hours?|wide|width|high|height"
    r"|tall|long|length|deep|depth|thick)(?!\w)|[\"″′%°])"
)
NO_UNIT = rf"(?!\s*-?{UNIT})(?!in(?!\w))(?!\s*[-–—x×*]\s*\d)(?!\w)"
# What stands around a price and says nothing more.
FILLING = r"(?:\s+(?:a|an|the|of|is|price|budget|total))*[\s:]*"
MOST = (
    r"(?:under|below|beneath|less\s+than|lower\s+than|cheaper\s+than|(?:no|not)\s+(?:more|higher)\s+than"
    r"|not\s+(?:over|above)|up\s+to|at\s+most|max(?:imum|imal)?\.?|within|until|budget|<=?|≤)"
)
LEAST = (
    r"(?:over|above|more\s+than|higher\s+than|(?:no|not)\s+(?:less|lower|cheaper)\s+than|not\s+(?:under|below)|at\s+least"
    r"|min(?:imum|imal)?\.?|from|starting\s+at|>=?|≥)"
)
AROUND = r"(?:around|about|roughly|approximately|approx\.?|circa|ca\.?|~|≈)"


def _amount(name: str) -> str:
    return rf"(?:{CURRENCY}\s*)?(?P<{name}>{NUMBER})(?:\s*{CURRENCY})?{NO_UNIT}"


def _money(name: str) -> str:
    """An amount that can be nothing else."""
    return rf"(?:{CURRENCY}\s*(?P<{name}_before>{NUMBER})|(?P<{name}_after>{NUMBER})\s*{CURRENCY}){NO_UNIT}"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){text}", re.IGNORECASE)


_DASH = r"[-–—]"
_FIRST = rf"(?:{CURRENCY}\s*)?(?P<least>{NUMBER})(?:\s*{CURRENCY})?"
# Each way to say a price. Where several begin at one place, the first counts.
WAYS = (
    _pattern(rf"(?:between|from){FILLING}{_FIRST}\s*(?:and|to|{_DASH})\s*{_amount('most')}"),
    _pattern(rf"{MOST}{FILLING}{_amount('most')}"),
    _pattern(rf"{LEAST}{FILLING}{_amount('least')}"),
    _pattern(rf"{AROUND}{FILLING}{_amount('about')}"),
    _pattern(rf"{_FIRST}\s*(?:to|{_DASH})\s*{_amount('most')}(?=\s*(?:$|[,.;]|(?:in|but|and|or)(?!\w)))"),
    _pattern(rf"{_amount('most')}\s*(?:or\s+(?:less|cheaper|under|below)|max(?:imum)?(?!\w)|at\s+most|tops)(?!\w)"),
    _pattern(rf"{_amount('least')}\s*(?:or\s+(?:more|above|over)|and\s+(?:up|above|more))(?!\w)"),
    _pattern(_money("about")),
)
_SIZE = rf"{NUMBER}(?:\s*[-–—x×*]\s*{NUMBER})*\s*-?"
SIZE = _pattern(
    rf"(?:(?:{MOST}|{LEAST}|{AROUND}){FILLING})?{_SIZE}(?:{UNIT}|in(?!\w))"
    r"(?:\s+(?:wide|width|high|height|tall|long|length|deep|depth|thick|heavy)(?!\w))?"
)


# Before a number that is no price: "height under 80".
MEASURED = re.compile(r"(?:width|height|depth|length|diameter|wide|high|tall|long|deep|size|seats)\W*$", re.IGNORECASE)
YEAR = re.compile(r"(?:from|since|until|before|after)\s+(?:19|20)\d\d", re.IGNORECASE)


@dataclass(frozen=True)
class Price:
    """A price that was said, and where."""

    span: Span
    least: Decimal | None
    most: Decimal | None


def prices(text: str) -> list[Price]:
    """The prices in a text, in its order. Those that are said the wrong way round are turned."""
    found: list[Price] = []
    place = 0
    while place < len(text):
        first = min(filter(None, (way.search(text, place) for way in WAYS)), key=re.Match.start, default=None)
        if first is None:
            break
        is_other = MEASURED.search(text, 0, first.start()) or YEAR.fullmatch(first[0])
        if not is_other and (price := _price(first)):
            found.append(price)
        place = first.end()
    return found


def sizes(text: str) -> list[Span]:
    """Where a text speaks of so many centimetres, watts or seats."""
    return [found.span() for found in SIZE.finditer(text)]


def amount(text: str) -> Decimal:
    """The number that is written so: 1,200, 1 200 and 1.200,00 are the same."""
    text = re.sub(r"[^\d.,]", "", text)
    *thousands, last = re.split(r"[.,]", text)
    if not thousands or len(last) == 3:
        return Decimal("".join([*thousands, last]))
    return Decimal(f"{''.join(thousands)}.{last}")


def _price(found: re.Match[str]) -> Price | None:
    """The price; None where a number is beyond all prices."""
    said = {name.partition("_")[0]: amount(text) for name, text in found.groupdict().items() if text}
    if (about := said.pop("about", None)) is not None:
        said = {"least": about * (1 - ABOUT), "most": about * (1 + ABOUT)}
    least, most = said.get("least"), said.get("most")
    if least is not None and most is not None and least > most:
        least, most = most, least
    if any(bound is not None and bound >= TOO_MUCH for bound in (least, most)):
        return None
    return Price(found.span(), _cents(least), _cents(most))


def _cents(bound: Decimal | None) -> Decimal | None:
    return None if bound is None else bound.quantize(CENT)
