"""A text as the pieces that sizes are made of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from catalog.measures.labels import LABELS, TIMES, UP_TO, listed
from catalog.measures.quantities import AMOUNT, UNIT_OF


class Kind(StrEnum):
    AMOUNT = "amount"
    UNIT = "unit"
    LABEL = "label"
    TIMES = "times"
    UP_TO = "up to"
    WORD = "word"
    OPEN = "open"
    CLOSE = "close"
    COMMA = "comma"
    COLON = "colon"
    END = "end"


@dataclass(frozen=True)
class Token:
    kind: Kind
    text: str


LETTER = "WwBbDdTtPpHhLl"
_TOKEN = re.compile(
    rf"""
    (?P<amount>{AMOUNT})
    |(?P<sign>[×*Ø⌀ø])
    |(?P<unit>["″”“]|''|’’|['′’](?=\s|\d|$|[x×,;.)]))
    |(?P<letter>[{LETTER}](?=\d|\s*[x×/*]\s*(?:\d|[{LETTER}]\b)|[{LETTER}]?[)\]]|\s*:|\s+\d|\b))
    |(?P<word>[^\W\d_]+)
    |(?P<dash>[-–—])
    |(?P<open>[(\[])
    |(?P<close>[)\]])
    |(?P<comma>[,/&])
    |(?P<colon>[:=])
    |(?P<tolerance>[±≤≥])
    |(?P<end>[.;!?|•\n]++(?=\s|$)|[;|•\n]|<)
    """,
    re.VERBOSE,
)
# "W46xD55xH86cm", "BxTxH": an x between sizes or letters is no part of a word.
_GLUED = re.compile(rf"(?<=[\d{LETTER}\"″”])[xX](?=[\d{LETTER}Øø])|(?<=\d)[xX](?=\s)|(?<=\s)[xX](?=\d)")
# Swiss thousands: 1'200 mm. A foot is not followed by three digits.
_APOSTROPHE = re.compile(r"(?<=\d)['’](?=\d{3}(?!\d))")
_GLUED_UNIT = re.compile(r"(?<=\d)(mm|cm|m|in|kg|lbs?|g)(?=[xX×])", re.IGNORECASE)
# A point after these ends no sentence.
_ABBREVIATED = frozenset({*listed("approx ca aprox max min dia dim dims in env larg prof haut ht"), *LETTER})


def tokens(text: str) -> Iterator[Token]:
    text = _GLUED.sub("×", _GLUED_UNIT.sub(r"\1 ", _APOSTROPHE.sub("", text)))
    last = ""
    for found in _TOKEN.finditer(text):
        kind, piece = found.lastgroup, found[0]
        if kind == "end" and piece == "." and last in _ABBREVIATED:
            continue
        last = piece.casefold() if len(piece) > 1 else piece
        yield Token(_kind(kind or "", piece), piece)


def _kind(group: str, piece: str) -> Kind:
    folded = piece.casefold()
    if group == "amount":
        return Kind.AMOUNT
    if group == "letter":
        return Kind.LABEL
    if folded in TIMES:
        return Kind.TIMES
    if folded in UP_TO:
        return Kind.UP_TO
    if folded in LABELS or folded == "⌀":
        return Kind.LABEL
    if folded in UNIT_OF:
        return Kind.UNIT
    return Kind(group) if group in ("word", "open", "close", "comma", "colon", "end") else Kind.WORD
