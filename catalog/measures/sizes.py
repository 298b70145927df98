"""Reads the sizes and the weight of a product from a text. What may be those of a part of it or of its box is left out.

A grammar of a few lines, written by hand: quantulum3 and pint find quantities, but not whose width they are.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from catalog.measures.groups import Group, Size, groups
from catalog.measures.labels import (
    BED,
    CONTAINED,
    EXTENDS,
    GOES_ON,
    NEUTRAL,
    PARTS,
    SOFA,
    THIS,
    UNNAMED,
    WITH,
    Side,
    sides,
)
from catalog.measures.quantities import amount, kept
from catalog.measures.tokens import Kind, Token, tokens
from catalog.units import UNITS

# By the unit that numbers are kept in. What is larger is no piece of furniture, but a slip.
MOST = {"cm": 10_000.0, "kg": 10_000.0}
# "2 x 90 x 200 cm" are two pieces: the first number is a count if it is whole and small, and the others many times it.
MOST_PIECES, PIECES_APART = 12, 10
# Words. A longer line without a number is a sentence.
LONGEST_HEADING = 4
# Texts are read to here: what a product measures is not said at the end of a novel.
MOST_CHARACTERS = 20_000
# Most sentences hold no size, and need no closer look. A point before a digit is that of "ca. 46 cm".
_SENTENCES = re.compile(r"[;|•!?]+|(?<!\bin)(?<!\bft)(?<![Mm]ax)(?<![Mm]in)\.\s+(?=[^\W\d_])(?![x×]\s*\d)")
_BLOCKS = re.compile(r"</?(?:li|ul|ol|p|br|div|tr|table|h\d)\b[^<>]*>", re.IGNORECASE)
_TAGS = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_DIGIT = re.compile(r"[\d½¼¾]")
_WORDS = re.compile(r"[^\W\d_]+")


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
    text = text[:MOST_CHARACTERS]
    if "<" in text:
        text = _TAGS.sub(" ", _BLOCKS.sub("\n", text))
    for sentence in _sentences(text):
        pieces = list(tokens(sentence))
        if not unit and not any(token.kind is Kind.UNIT for token in pieces):
            continue
        neutral = neutral or NEUTRAL | _of_subject(subject)
        known = 0  # The end of the last group that is of the product.
        for group in groups(pieces, unit):
            if _is_of_the_product(group, pieces, neutral, known):
                found = _numbers(group) | found
                known = group.end
    return found


def _sentences(text: str) -> Iterator[str]:
    """The sentences with a number, without those below the heading of a part or a box: "Packaging:"."""
    is_of_part = False
    for line in text.split("\n"):
        words = [word.casefold() for word in _WORDS.findall(line)]
        is_heading = 0 < len(words) <= LONGEST_HEADING and not line.rstrip().endswith(".")
        if not _DIGIT.search(line):
            is_of_part = not PARTS.isdisjoint(words) if is_heading else is_of_part
        elif not is_of_part:
            yield from filter(_DIGIT.search, _SENTENCES.split(line))


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
    if not group.labels and _is_a_count(*group.sizes):
        return {}
    return numbers if all(0 < value <= MOST[name[-2:]] for name, value in numbers.items()) else {}


def _is_a_count(first: Size, *others: Size) -> bool:
    least = min((amount(size.text, size.unit) or 0.0 for size in others), default=0.0)
    count = amount(first.text) or 0.0
    return first.text.isdecimal() and count <= MOST_PIECES and least >= PIECES_APART * count


def _of_subject(subject: str) -> set[str]:
    """The words that stand for the product itself, in the singular and the plural; none of its parts."""
    words: list[str] = []
    for found in _WORDS.findall(subject):
        word = found.casefold()
        if word in WITH:
            break
        words.append(word)
    named = {form for word in words for form in (word, f"{word}s", word.removesuffix("s"))} - PARTS
    return named - BED if named & SOFA else named


def _is_of_the_product(group: Group, pieces: Sequence[Token], neutral: Collection[str], known: int) -> bool:
    """Whether the sentence has said nothing else before the group, such as "seat". Three sizes need only their clause.

    After a size no other thing may be named: "80 cm deep drawers". Before `known` all is of the product.
    """
    is_whole = len(group.sizes) == len(UNNAMED)
    before = _since(Kind.END, pieces[known : group.begin])
    if is_whole:
        if any(token.text.casefold() in CONTAINED for token in before):
            return False
        before = _since(Kind.COMMA, before)
    words = [token.text.casefold() for token in before if token.kind is Kind.WORD]
    if len(group.sizes) > 1 and len(words) > 1 and words[0] in THIS and words[1] not in PARTS:  # "This chair is"
        words = words[2:]
    if any(word not in neutral for word in words):
        return False
    if any(token.kind is Kind.AMOUNT for token in before):  # "set of 2 with ..."
        return False
    return _may_be_followed_by(pieces[group.end :], neutral)


def _may_be_followed_by(after: Sequence[Token], neutral: Collection[str]) -> bool:
    """Not by a thing, "80 cm deep drawers", an unknown order, "(A x B)", "/m²", or word that it extends."""
    if any(token.text.casefold() in EXTENDS for token in after):
        return False
    kinds = [token.kind for token in after[:3]]
    if kinds in ([Kind.OPEN, Kind.WORD, Kind.TIMES], [Kind.OPEN, Kind.UP_TO, Kind.TIMES]):  # A is a French "to".
        return False
    if after and after[0].text == "/" and kinds[1:2] in ([Kind.WORD], [Kind.UNIT]):
        return False
    return not after or after[0].kind is not Kind.WORD or after[0].text.casefold() in {*neutral, *GOES_ON}


def _since(kind: Kind, pieces: Sequence[Token]) -> Sequence[Token]:
    """The pieces after the last one of this kind."""
    places = [place for place, token in enumerate(pieces) if token.kind is kind]
    return pieces[places[-1] + 1 :] if places else pieces
