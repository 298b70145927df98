"""Words that come with a photo, taken apart: "like this, but in oak", "the same in green under 300".

What names a value of the shop's attributes, a price, the stock or a category is wanted of every product. Whether any
product has it, and which reading of it holds, is settled later (search.word_conditions). The rest ranks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise

from catalog.models import Category
from search import word_pieces
from search.attribute_readings import Reading, ShopValues
from search.word_pieces import BESIDE, FREE, Kind, Piece

# More than a customer wants at once. Each costs a look or two into the catalogue.
MOST_WANTED = 12
# What stands before the thing in the photo: "like this chair".
SHOWN = frozenset({"this", "that", "these", "those"})
OR = frozenset({"or", "nor"})
NAMED = frozenset({Kind.ATTRIBUTE, Kind.PRICE, Kind.STOCK, Kind.CATEGORY})


@dataclass(frozen=True)
class Wanted:
    """What every product has to meet, or must not."""

    text: str
    """As it was typed."""
    negated: bool = False
    spans: tuple[tuple[int, int], ...] = field(default=(), kw_only=True, compare=False)
    """Where it stands in the words: the letters' numbers, from the first to behind the last, each time it is said."""


@dataclass(frozen=True)
class AttributeWanted(Wanted):
    alternatives: tuple[tuple[Reading, ...], ...] = ()
    """The values, any of which will do: what each may stand for, the strictest reading first."""


@dataclass(frozen=True)
class PriceWanted(Wanted):
    least: Decimal | None = None
    most: Decimal | None = None


@dataclass(frozen=True)
class StockWanted(Wanted):
    pass


@dataclass(frozen=True)
class CategoryWanted(Wanted):
    categories: frozenset[int] = frozenset()


@dataclass(frozen=True)
class PhotoWords:
    """What words beside a photo say."""

    wanted: Sequence[Wanted] = ()
    """In the order they were typed."""
    rest: str = ""
    """What describes without naming anything; it ranks."""
    not_understood: Sequence[str] = ()

    @property
    def categories(self) -> frozenset[int] | None:
        """The categories that are named; None if none is."""
        named = [one.categories for one in self.wanted if isinstance(one, CategoryWanted) and not one.negated]
        return frozenset().union(*named) if named else None

    def without_categories(self) -> "PhotoWords":
        """The same where the caller has chosen the categories: another one that is named does not count."""
        named = [one for one in self.wanted if isinstance(one, CategoryWanted) and not one.negated]
        others = tuple(one for one in self.wanted if one not in named)
        return replace(self, wanted=others, not_understood=(*self.not_understood, *(one.text for one in named)))

    def without_rest(self) -> "PhotoWords":
        """The same where nothing can rank by meaning."""
        return replace(self, rest="", not_understood=(*self.not_understood, self.rest)) if self.rest else self


def read(words: str, values: ShopValues, categories: Mapping[int, Category]) -> PhotoWords:
    """Take the words apart. `categories` are all the shop's, by id."""
    pieces = _as_said(word_pieces.pieces(words, values, categories))
    wanted = _each_once(_wanted(piece, words) for piece in pieces if piece.kind in NAMED)
    rest = [words[piece.start : piece.end] for piece in pieces if piece.kind is Kind.WORD]
    unread = [words[piece.start : piece.end] for piece in pieces if piece.kind is Kind.UNREAD]
    # Price, stock and category come first: values are what may be too many.
    kept = sorted(wanted, key=lambda one: isinstance(one, AttributeWanted))[:MOST_WANTED]
    too_many = [one.text for one in wanted if one not in kept]
    return PhotoWords(tuple(one for one in wanted if one in kept), " ".join(rest), (*unread, *too_many))


def _each_once(wanted: Iterable[Wanted]) -> list[Wanted]:
    """What is said twice is wanted once."""
    made: dict[Wanted, Wanted] = {}
    for one in wanted:
        made[one] = replace(made[one], spans=made[one].spans + one.spans) if one in made else one
    return list(made.values())


def _wanted(piece: Piece, words: str) -> Wanted:
    text, spans = words[piece.start : piece.end], ((piece.start, piece.end),)
    match piece.kind:
        case Kind.PRICE:
            return PriceWanted(text, False, *piece.bounds, spans=spans)
        case Kind.STOCK:
            return StockWanted(text, piece.negated, spans=spans)
        case Kind.CATEGORY:
            return CategoryWanted(text, piece.negated, piece.categories, spans=spans)
    return AttributeWanted(text, piece.negated, piece.alternatives, spans=spans)


def _as_said(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, once it is known what stands beside them."""
    return _without_shown(list(_negated(_alternatives(_free(_heads(pieces))))))


def _heads(pieces: Sequence[Piece]) -> list[Piece]:
    """Of the categories named, those that are wanted: neither that of "bed cover" nor that of "for the bed"."""
    made = list(pieces)
    for place, (one, after) in enumerate(pairwise([*pieces, Piece(Kind.FILLING, 0, 0)])):
        if one.kind is not Kind.CATEGORY:
            continue
        is_part = after.kind in (Kind.WORD, Kind.CATEGORY) and not after.pause and not _compares(pieces[place + 1 :])
        if is_part or _leads(pieces[:place]) in BESIDE:
            made[place] = replace(one, kind=Kind.WORD)
    named = [place for place, one in enumerate(made) if one.kind is Kind.CATEGORY]
    shown = [place for place in named if place and made[place - 1].plain in SHOWN]
    for place in shown if len(shown) < len(named) else []:
        made[place] = replace(made[place], kind=Kind.FILLING)
    return made


def _leads(before: Sequence[Piece]) -> str:
    """The word before a thing, without "the" and its like."""
    for one in reversed(before):
        if one.kind is not Kind.FILLING or one.plain in BESIDE or one.pause:
            return one.plain
    return ""


def _compares(after: Sequence[Piece]) -> bool:
    """Whether what follows says how a thing is, and not what: "a bed bigger than this"."""
    return any(one.plain == "than" for one in after[:3])


def _free(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces, with what is "leather-free" negated."""
    made: list[Piece] = []
    for one in pieces:
        if one.plain == FREE and made and made[-1].kind is Kind.ATTRIBUTE and one.start == made[-1].end + 1:
            made[-1] = replace(made[-1], end=one.end, negated=True)
        else:
            made.append(one)
    return made


def _alternatives(pieces: Sequence[Piece]) -> list[Piece]:
    """Values with an "or" or a slash between them are one piece, as is a list that ends so: "black, white or grey"."""
    made: list[Piece] = []
    for one in pieces:
        if one.kind is Kind.ATTRIBUTE and made:
            is_or = made[-1].plain in OR and len(made) > 1 and made[-2].kind is Kind.ATTRIBUTE
            if is_or:
                made.pop()
            if is_or or (one.slash and made[-1].kind is Kind.ATTRIBUTE):
                one = _either(made.pop(), one)
                while is_or and one.pause and made and made[-1].kind is Kind.ATTRIBUTE and _is_about(made[-1], one):
                    one = _either(made.pop(), one)
        made.append(one)
    return made


def _either(first: Piece, other: Piece) -> Piece:
    return replace(first, end=other.end, alternatives=first.alternatives + other.alternatives)


def _is_about(one: Piece, other: Piece) -> bool:
    """Whether both may be values of one attribute."""
    return bool(_names(one) & _names(other))


def _names(piece: Piece) -> frozenset[str]:
    return frozenset(name for readings in piece.alternatives for one in readings for name, _ in one.pairs)


def _without_shown(pieces: list[Piece]) -> list[Piece]:
    """The pieces without the values of what the photo shows: "this oak chair, but in walnut" wants walnut alone."""
    shown = next((place for place, one in enumerate(pieces) if one.plain in SHOWN), None)
    but = next((place for place, one in enumerate(pieces) if one.plain == "but"), None)
    if shown is None or but is None or but < shown:
        return pieces
    wanted = [one for one in pieces[but:] if one.kind is Kind.ATTRIBUTE and not one.negated]
    return [
        replace(one, kind=Kind.FILLING)
        if place < but and one.kind is Kind.ATTRIBUTE and any(_is_about(one, other) for other in wanted)
        else one
        for place, one in enumerate(pieces)
    ]


def _negated(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """A "not" belongs to what follows it, up to a comma."""
    since: int | None = None
    for one in pieces:
        if one.pause:
            since = None
        if one.kind is Kind.NEGATION:
            since = one.start if since is None else since
        elif one.kind is Kind.FILLING or since is None:
            yield one
        else:
            yield _without(one, since)
            since = None


def _without(piece: Piece, since: int) -> Piece:
    """The piece, negated by a word that begins at `since`. Neither a description nor a price can be left out."""
    kind = Kind.UNREAD if piece.kind in (Kind.WORD, Kind.PRICE) else piece.kind
    return replace(piece, kind=kind, start=since, negated=True)
