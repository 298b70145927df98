"""Sizes that stand together in a sentence, with what they are called."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from catalog.measures.labels import ARTICLES, NEUTRAL, ORDER_ALONE, UNNAMED, Side, listed, sides
from catalog.measures.quantities import UNIT_OF, amount
from catalog.measures.tokens import Kind, Token

# Sides of one thing, and its weight. A longer row of numbers is something else.
MOST_SIZES = 6
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


def groups(pieces: Sequence[Token], unit: str) -> Iterator[Group]:
    """All groups of a sentence, in turn. `unit`: of sizes that say none."""
    place = 0
    has_slash = any(token.text == "/" for token in pieces)
    while place < len(pieces):
        is_within = place > 0 and pieces[place - 1].kind is Kind.TIMES  # What begins before it was no group.
        group = None if is_within or not _may_begin(pieces[place]) else _group(pieces, place, unit, has_slash)
        if group:
            yield group
        place = group.end if group else place + 1


def _may_begin(token: Token) -> bool:
    return token.kind in (Kind.AMOUNT, Kind.LABEL, Kind.OPEN) or token.text.casefold() in ORDER_ALONE


def _group(pieces: Sequence[Token], begin: int, unit: str, has_slash: bool) -> Group | None:
    """The group that begins at this token: "W x D x H: 46 x 55 x 86 cm", "46 x 55 cm (W x D)", "46 cm wide"."""
    by_slash = _group_joined(pieces, begin, unit, by_slash=True) if has_slash else None
    return by_slash or _group_joined(pieces, begin, unit, by_slash=False)


def _group_joined(pieces: Sequence[Token], begin: int, unit: str, *, by_slash: bool) -> Group | None:
    """By slashes only where their order is told: "46/55/86 cm (W/D/H)". "120/180 cm" are two states of one."""
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
        join = place + 1 if by_slash and _is_slash(pieces, place) else _join(pieces, place)
        if join is None or (by_slash and not _is_slash(pieces, place)):
            break
        joined_by_times = by_slash or pieces[join - 1].kind is Kind.TIMES
        place = join
    if not sizes:
        return None
    end = _end_of_last(pieces, place)
    if not order and len(sizes) > 1:
        order, end = _order(pieces, end)
    if by_slash and (not order or len(sizes) < 2):
        return None
    whole = _with_units(sizes, unit)
    labels = [size.label for size in sizes if size.label] or order
    if len(sizes) == 2 and sizes[0].label and sides(labels) == [Side.DIAMETER]:  # "Ø 40 x 50 cm"
        labels = [*labels, "height"]
    is_complete = (
        whole
        and len(sizes) <= MOST_SIZES
        and len(labels) in (0, len(sizes))
        and (labels or 2 <= len(sizes) <= len(UNNAMED))
    )
    return Group(whole, labels, begin, end) if whole and is_complete else None


def _size(pieces: Sequence[Token], place: int) -> tuple[Size, int] | None:
    """A size and the place after it."""
    label, unit_of_label, place = _label(pieces, place)
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
    place = _after_other_unit(pieces, place)
    if label:
        return Size(text, unit or unit_of_label, label), place
    label, place = _label_after(pieces, place)
    if label and not unit:  # "86H cm"
        unit, place = _unit(pieces, place)
    return Size(text, unit, label, bool(label)), place


def _unit(pieces: Sequence[Token], place: int) -> tuple[str, int]:
    if _is(pieces, place, Kind.UNIT):
        return UNIT_OF[pieces[place].text.casefold()], place + 1
    return "", place


def _label(pieces: Sequence[Token], place: int) -> tuple[str, str, int]:
    """A label, the unit that it names, "Width (cm):", and the place after them."""
    if not _is(pieces, place, Kind.LABEL):
        return "", "", place
    label, unit = _written(pieces[place]), ""
    place += 1
    if _is(pieces, place, Kind.OPEN) and _is(pieces, place + 1, Kind.UNIT) and _is(pieces, place + 2, Kind.CLOSE):
        unit, _ = _unit(pieces, place + 1)
        place += 3
    return label, unit, place + 1 if _is(pieces, place, Kind.COLON) else place


def _after_other_unit(pieces: Sequence[Token], place: int) -> int:
    """The place after the same size in another unit: "46 cm (18 in)"."""
    kinds = [token.kind for token in pieces[place : place + 4]]
    return place + 4 if kinds == [Kind.OPEN, Kind.AMOUNT, Kind.UNIT, Kind.CLOSE] else place


def _label_after(pieces: Sequence[Token], place: int) -> tuple[str, int]:
    """A label behind a size: "46 cm wide", "46 cm (W)", "46W". One that belongs to the next size is left to it."""
    is_of = _is(pieces, place, Kind.WORD, Kind.UNIT) and pieces[place].text.casefold() in _OF
    if is_of and _is(pieces, place + 1, Kind.LABEL):
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
    if after > place and _is(pieces, after, Kind.WORD) and pieces[after].text.casefold() in ARTICLES:
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
    while len(labels) <= MOST_SIZES and (_is(pieces, place, Kind.LABEL) or _is_of_orders(pieces, place)):
        labels.append(_written(pieces[place]))
        place += 1
        is_next = _is(pieces, place + 1, Kind.LABEL) or _is_of_orders(pieces, place + 1)
        if not _is(pieces, place, Kind.TIMES, Kind.COMMA, Kind.UP_TO) or not is_next:
            break
        place += 1
    if len(labels) < 2:
        return [], begin
    place += _is(pieces, place, Kind.CLOSE)
    if _is(pieces, place, Kind.WORD) and pieces[place].text.casefold() in NEUTRAL:
        place += 1
    return labels, place + _is(pieces, place, Kind.COLON)


def _is_of_orders(pieces: Sequence[Token], place: int) -> bool:
    return _is(pieces, place, Kind.WORD) and pieces[place].text.casefold() in ORDER_ALONE


def _with_units(sizes: Sequence[Size], unit: str) -> list[Size] | None:
    """The sizes with their units. One that says none has that of the next one that does."""
    made: list[Size] = []
    for size in reversed(sizes):
        unit = size.unit or unit
        if not unit:
            return None
        made.append(Size(size.text, unit, size.label, size.label_follows))
    return made[::-1]


def _is_slash(pieces: Sequence[Token], place: int) -> bool:
    return _is(pieces, place, Kind.COMMA) and pieces[place].text == "/"


def _is(pieces: Sequence[Token], place: int, *kinds: Kind) -> bool:
    return place < len(pieces) and pieces[place].kind in kinds
