"""Reads the sizes and the weight of a product from a text. What may be those of a part of it or of its box is left out.

A grammar of a few lines, written by hand: quantulum3 and pint find quantities, but not whose width they are.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalog.measures.labels import NEUTRAL, UNNAMED, Side, listed, sides
from catalog.measures.quantities import UNIT_OF, amount, kept
from catalog.measures.tokens import Kind, Token, tokens
from catalog.units import UNITS

MOST_CM = 10_000.0
MOST_KG = 10_000.0
# Texts are read to here: what a product measures is not said at the end of a novel.
MOST_CHARACTERS = 20_000
# Sides of one thing, and its weight. A longer row of numbers is something else.
MOST_SIZES = 6
# Most sentences hold no size, and need no closer look. A point before a digit is that of "ca. 46 cm".
_SENTENCES = re.compile(r"[\n;|•!?]+|\.\s+(?=[^\W\d_])")
_DIGIT = re.compile(r"[\d½¼¾]")
_WORDS = re.compile(r"[^\W\d_]+")
_OF = listed("de en in")
_JOINS = listed("and und et y x with mit avec con or oder ou o")


@dataclass(frozen=True)
class Size:
    """One number of a group, such as "46 cm wide"."""

    text: str
    unit: str
    label: str = ""
    label_follows: bool = False


@dataclass(frozen=True)
class Group:
    """Sizes that stand together."""

    sizes: Sequence[Size]
    labels: Sequence[str]
    """One for each size, or none."""
    begin: int
    end: int
    """Places in the tokens: the first one, and the one after the last."""


def read(text: str, subject: str = "", unit: str = "") -> dict[str, float]:
    """What the text says that a product measures and weighs: width_cm, depth_cm, height_cm, length_cm, diameter_cm,
    weight_kg.

    Of a size that can be changed, "120-180 cm", the largest counts: a table has to fit where it stands when it is open.
    Of two statements the first counts.

    Args:
        subject: the product's name and category; a sentence may say them before a size.
        unit: what sizes are in that say no unit; without it they are passed over.
    """
    found: dict[str, float] = {}
    neutral: Collection[str] = ()
    for sentence in _SENTENCES.split(text[:MOST_CHARACTERS]):
        if not _DIGIT.search(sentence):
            continue
        neutral = neutral or NEUTRAL | {word.casefold() for word in _WORDS.findall(subject)}
        pieces = list(tokens(sentence))
        for group in _groups(pieces, unit):
            if _is_of_the_product(group, pieces, neutral):
                found = _numbers(group) | found
    return found


def completed(numbers: Mapping[str, float]) -> dict[str, float]:
    """With a width and a depth where others say as much: a round thing is as wide and as deep as its diameter."""
    numbers = dict(numbers)
    if diameter := numbers.get("diameter_cm"):
        numbers.setdefault("width_cm", diameter)
        numbers.setdefault("depth_cm", diameter)
    if "width_cm" in numbers and "length_cm" in numbers:  # Shop systems know lengths, and no depths.
        numbers.setdefault("depth_cm", numbers["length_cm"])
    return numbers


def _numbers(group: Group) -> dict[str, float]:
    found = sides(group.labels) if group.labels else list(UNNAMED[: len(group.sizes)])
    if found is None:
        return {}
    numbers = {}
    for side, size in zip(found, group.sizes, strict=True):
        in_unit = UNITS[size.unit][0]
        value = amount(size.text, size.unit)
        if value is None or (in_unit == "kg") != (side is Side.WEIGHT):
            return {}
        numbers[f"{side}_{in_unit}"] = kept(value, size.unit)
    most = {"cm": MOST_CM, "kg": MOST_KG}
    return numbers if all(0 < value <= most[name[-2:]] for name, value in numbers.items()) else {}


def _is_of_the_product(group: Group, pieces: Sequence[Token], neutral: Collection[str]) -> bool:
    """Whether the sentence has said nothing else before the group, such as "seat". Three sizes need only their clause.

    After "80 cm deep" no other thing may be named: "80 cm deep drawers".
    """
    ends = {Kind.END, Kind.COMMA} if len(group.sizes) == 3 else {Kind.END}
    begin = group.begin
    while begin and pieces[begin - 1].kind not in ends:
        begin -= 1
    before = pieces[begin : group.begin]
    if any(token.kind is Kind.WORD and token.text.casefold() not in neutral for token in before):
        return False
    if any(token.kind is Kind.AMOUNT for token in before):  # "set of 2 with ..."
        return False
    follows = pieces[group.end] if group.end < len(pieces) else None
    if not group.sizes[-1].label_follows or follows is None or follows.kind is not Kind.WORD:
        return True
    return follows.text.casefold() in {*neutral, *_JOINS}


def _groups(pieces: Sequence[Token], unit: str) -> Iterator[Group]:
    place = 0
    while place < len(pieces):
        is_within = place > 0 and pieces[place - 1].kind is Kind.TIMES  # What begins before it was no group.
        group = None if is_within else _group(pieces, place, unit)
        if group:
            yield group
        place = group.end if group else place + 1


def _group(pieces: Sequence[Token], begin: int, unit: str) -> Group | None:
    """The group that begins at this token: "W x D x H: 46 x 55 x 86 cm", "46 x 55 cm (W x D)", "46 cm wide"."""
    order, place = _order(pieces, begin)
    sizes: list[Size] = []
    joined_by_times = False
    while len(sizes) <= MOST_SIZES:
        found = _size(pieces, place)
        if found is None:
            break
        size, after = found
        if sizes and not joined_by_times and not size.label:
            break
        sizes.append(size)
        place = after
        join = _join(pieces, place)
        if join is None:
            break
        joined_by_times = pieces[join - 1].kind is Kind.TIMES
        place = join
    if not sizes:
        return None
    end = _end_of_last(pieces, place)
    if not order and len(sizes) > 1:
        order, end = _order(pieces, end)
    whole = _with_units(sizes, unit)
    labels = [size.label for size in sizes if size.label] or order
    is_complete = (
        whole
        and len(sizes) <= MOST_SIZES
        and len(labels) in (0, len(sizes))
        and (labels or 2 <= len(sizes) <= len(UNNAMED))
    )
    return Group(whole, labels, begin, end) if whole and is_complete else None


def _size(pieces: Sequence[Token], place: int) -> tuple[Size, int] | None:
    """A size and the place after it."""
    label, place = _label(pieces, place)
    while label and _is(pieces, place, Kind.WORD) and pieces[place].text.casefold() in NEUTRAL:  # "Width approx. 46 cm"
        place += 1
    if not _is(pieces, place, Kind.AMOUNT):
        return None
    text, place = pieces[place].text, place + 1
    unit, place = _unit(pieces, place)
    if _is(pieces, place, Kind.UP_TO) and _is(pieces, place + 1, Kind.AMOUNT):
        text, place = pieces[place + 1].text, place + 2
        unit, place = _unit(pieces, place)
    if unit == "ft" and _is(pieces, place, Kind.AMOUNT) and _is(pieces, place + 1, Kind.UNIT):
        inches = amount(pieces[place].text)
        feet = amount(text)
        if inches is not None and feet is not None and UNIT_OF.get(pieces[place + 1].text.casefold()) == "in":
            text, unit, place = f"{12 * feet + inches:g}", "in", place + 2
    if label:
        return Size(text, unit, label), place
    label, place = _label_after(pieces, place)
    if label and not unit:  # "86H cm"
        unit, place = _unit(pieces, place)
    return Size(text, unit, label, bool(label)), place


def _unit(pieces: Sequence[Token], place: int) -> tuple[str, int]:
    if _is(pieces, place, Kind.UNIT):
        return UNIT_OF[pieces[place].text.casefold()], place + 1
    return "", place


def _label(pieces: Sequence[Token], place: int) -> tuple[str, int]:
    if not _is(pieces, place, Kind.LABEL):
        return "", place
    label = _written(pieces[place])
    place += 1
    return label, place + 1 if _is(pieces, place, Kind.COLON) else place


def _label_after(pieces: Sequence[Token], place: int) -> tuple[str, int]:
    """A label behind a size: "46 cm wide", "46 cm (W)", "46W". One that belongs to the next size is left to it."""
    if _is(pieces, place, Kind.WORD) and pieces[place].text.casefold() in _OF and _is(pieces, place + 1, Kind.LABEL):
        place += 1  # "46 cm de largeur"
    if _is(pieces, place, Kind.OPEN) and _is(pieces, place + 1, Kind.LABEL) and _is(pieces, place + 2, Kind.CLOSE):
        return _written(pieces[place + 1]), place + 3
    if not _is(pieces, place, Kind.LABEL) or _is(pieces, place + 1, Kind.AMOUNT, Kind.COLON):
        return "", place
    return _written(pieces[place]), place + 1


def _written(token: Token) -> str:
    return "ø" if token.text in "⌀Øø" else token.text


def _join(pieces: Sequence[Token], place: int) -> int | None:
    """The place of the next size, if one is joined: by ×, a comma, "and" or both."""
    if _is(pieces, place, Kind.TIMES):
        return place + 1
    after = place
    while after < len(pieces) and after < place + 2 and _joins(pieces[after]):
        after += 1
    is_next = _is(pieces, after, Kind.AMOUNT, Kind.LABEL)
    return after if is_next and (after > place or pieces[after].kind is Kind.LABEL) else None


def _joins(token: Token) -> bool:
    return token.kind is Kind.COMMA or token.text.casefold() in _JOINS


def _end_of_last(pieces: Sequence[Token], place: int) -> int:
    """Without the comma that would have joined a further size."""
    return place - 1 if 0 < place <= len(pieces) and _joins(pieces[place - 1]) else place


def _order(pieces: Sequence[Token], place: int) -> tuple[list[str], int]:
    """Labels before sizes: "W x D x H:", "(B/T/H)". None if fewer than two."""
    begin = place
    place += _is(pieces, place, Kind.OPEN)
    labels: list[str] = []
    while _is(pieces, place, Kind.LABEL):
        labels.append(_written(pieces[place]))
        place += 1
        if not _is(pieces, place, Kind.TIMES, Kind.COMMA, Kind.UP_TO) or not _is(pieces, place + 1, Kind.LABEL):
            break
        place += 1
    if len(labels) < 2:
        return [], begin
    place += _is(pieces, place, Kind.CLOSE)
    if _is(pieces, place, Kind.WORD) and pieces[place].text.casefold() in NEUTRAL:
        place += 1
    return labels, place + _is(pieces, place, Kind.COLON)


def _with_units(sizes: Sequence[Size], unit: str) -> list[Size] | None:
    """The sizes with their units. One that says none has that of the next one that does."""
    made: list[Size] = []
    for size in reversed(sizes):
        unit = size.unit or unit
        if not unit:
            return None
        made.append(Size(size.text, unit, size.label, size.label_follows))
    return made[::-1]


def _is(pieces: Sequence[Token], place: int, *kinds: Kind) -> bool:
    return place < len(pieces) and pieces[place].kind in kinds
