"""Words that come with a photo, taken apart: "like this, but in oak", "the same in green under 300".

What names a value of the shop's attributes, a price, the stock or a category is wanted of every product. Whether any
product has it, and which reading of it holds, is settled later (search.word_conditions). The rest ranks.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto
from itertools import pairwise

from catalog.models import Category, synonyms_within
from catalog.words import spoken, stems
from search.attribute_readings import Reading, ShopValues, either
from search.said_prices import Span, prices, sizes

MOST_WORDS = 5  # of a value
# More than a customer wants at once. Each costs a look or two into the catalogue.
MOST_WANTED = 12
# Words with an apostrophe are one, so that "don't" is.
TOKEN = re.compile(r"\w+(?:['’]t(?!\w))?")
STOCK = re.compile(r"(?<!\w)(?:in stock|available(?: (?:right )?now)?|ready to ship)(?!\w)", re.IGNORECASE)
NEGATION = re.compile(
    r"not|no|without|except|excluding|minus|neither|never|anything but|(?:instead|other|rather) (?:of|than)|\w+n t"
)
# What follows these is beside the thing, and not the thing: "a lamp for the table".
BESIDE = frozenset({"for", "beside", "besides", "behind", "near", "next", "by", "under", "above", "over", "on", "with"})
# What stands before the thing in the photo: "like this chair".
SHOWN = frozenset({"this", "that", "these", "those"})
OR = frozenset({"or", "nor"})
PAUSE = re.compile(r"[,;.:!?()]")
NUMERIC = re.compile(r"\d+")
# What customers say that neither names nor describes anything. Words as common as "the" are known to PostgreSQL.
FILLING = frozenset({
    "like", "same", "similar", "one", "ones", "thing", "things", "something", "anything", "everything", "item",
    "items", "product", "products", "piece", "version", "model", "kind", "type", "sort", "style", "look", "looks",
    "looking", "colour", "colours", "color", "colors", "coloured", "colored", "material", "materials", "made",
    "want", "wanted", "wants", "need", "needed", "would", "could", "should", "please", "show", "find", "give",
    "get", "search", "me", "my", "have", "having", "has", "but", "just", "only", "also", "rather", "instead",
    "prefer", "preferably", "maybe", "perhaps", "exactly", "photo", "picture", "image", "this", "that", "these",
    "those", "it", "its", "price", "prices", "priced", "cost", "costs", "costing", "variant", "finish", "finished",
    "option", "shade", "tone", "thanks", "thank",
})  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What every product has to meet, or must not."""

    text: str
    """As it was typed."""
    negated: bool = False


@dataclass(frozen=True)
class AttributeWanted(Wanted):
    readings: tuple[Reading, ...] = ()
    """What it may stand for, the strictest first."""


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
    pieces = _as_said(_Cut(words, values, categories).pieces())
    wanted = list(dict.fromkeys(piece.wanted(words) for piece in pieces if piece.kind in NAMED))
    rest = [words[piece.start : piece.end] for piece in pieces if piece.kind is _Kind.WORD]
    unread = [words[piece.start : piece.end] for piece in pieces if piece.kind is _Kind.UNREAD]
    too_many = [one.text for one in wanted[MOST_WANTED:]]
    return PhotoWords(tuple(wanted[:MOST_WANTED]), " ".join(rest), (*unread, *too_many))


class _Kind(Enum):
    ATTRIBUTE = auto()
    PRICE = auto()
    STOCK = auto()
    CATEGORY = auto()
    NEGATION = auto()
    FILLING = auto()
    WORD = auto()
    """It describes."""
    UNREAD = auto()


NAMED = frozenset({_Kind.ATTRIBUTE, _Kind.PRICE, _Kind.STOCK, _Kind.CATEGORY})


@dataclass(frozen=True)
class _Piece:
    """A part of the words, and what it is."""

    kind: _Kind
    start: int
    end: int
    plain: str = ""
    """Of one word: as catalog.words.spoken writes it."""
    negated: bool = False
    pause: bool = False
    """Whether a comma or the like stands before it."""
    readings: tuple[Reading, ...] = ()
    categories: frozenset[int] = frozenset()
    bounds: tuple[Decimal | None, Decimal | None] = (None, None)

    def wanted(self, words: str) -> Wanted:
        text = words[self.start : self.end]
        match self.kind:
            case _Kind.PRICE:
                return PriceWanted(text, False, *self.bounds)
            case _Kind.STOCK:
                return StockWanted(text, self.negated)
            case _Kind.CATEGORY:
                return CategoryWanted(text, self.negated, self.categories)
        return AttributeWanted(text, self.negated, self.readings)


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    plain: str
    stems: frozenset[str]


class _Cut:
    """Cuts words into pieces: what is a value or a category in as many words as possible, and single words."""

    def __init__(self, words: str, values: ShopValues, categories: Mapping[int, Category]) -> None:
        self.words = words
        self.values = values
        found = list(TOKEN.finditer(words))
        synonyms = synonyms_within(words)
        plain = [spoken(token[0]) for token in found]
        said = [spoken(one) for one, _ in synonyms]
        means = [spoken(one) for _, one in synonyms]
        known = iter(stems([*plain, *(one.name for one in categories.values()), *said, *means]))
        self.tokens = [_Token(*token.span(), text, next(known)) for token, text in zip(found, plain, strict=True)]
        self.categories = {category: next(known) for category in categories}
        said_stems = [next(known) for _ in said]
        self.synonyms = list(zip(said_stems, means, known, strict=True))
        self.fixed = self._fixed()
        self.sizes = [size for size in sizes(words) if not self._is_fixed(size)]

    def pieces(self) -> list[_Piece]:
        made: list[_Piece] = []
        place = 0
        while place < len(self.tokens):
            piece = self._at(place)
            before = made[-1].end if made else 0
            made.append(replace(piece, pause=bool(PAUSE.search(self.words[before : piece.start]))))
            place = next((n for n, token in enumerate(self.tokens) if token.start >= piece.end), len(self.tokens))
        return made

    def _fixed(self) -> list[_Piece]:
        """The prices and the stock, whose words are nothing else."""
        said = [_Piece(_Kind.PRICE, *price.span, bounds=(price.least, price.most)) for price in prices(self.words)]
        return [*said, *(_Piece(_Kind.STOCK, *one.span()) for one in STOCK.finditer(self.words))]

    def _is_fixed(self, span: Span) -> bool:
        return any(span[0] < one.end and one.start < span[1] for one in self.fixed)

    def _at(self, place: int) -> _Piece:
        """The piece that begins with this word."""
        token = self.tokens[place]
        for one in self.fixed:
            if one.start <= token.start < one.end:
                return one
        for size in range(MOST_WORDS, 0, -1):
            if len(span := self.tokens[place : place + size]) == size and (piece := self._named(span)):
                return piece
        for start, end in self.sizes:
            if start <= token.start < end:
                return _Piece(_Kind.UNREAD, token.start, end)
        left_out = self._has_minus(token.start)
        kind = _Kind.UNREAD if left_out or NUMERIC.fullmatch(token.plain) else _Kind.WORD
        return _Piece(kind, token.start - left_out, token.end, token.plain)

    def _named(self, span: Sequence[_Token]) -> _Piece | None:
        """What several words say together, or what one says; None if they name nothing."""
        start, end = span[0].start, span[-1].end
        if self._is_fixed((start, end)):
            return None
        plain = " ".join(token.plain for token in span)
        if NEGATION.fullmatch(plain):
            return _Piece(_Kind.NEGATION, start, end, plain)
        if len(span) == 1 and (not span[0].stems or plain in FILLING or plain in BESIDE):
            return _Piece(_Kind.FILLING, start, end, plain)
        negated = self._has_minus(start)
        start -= negated
        said = frozenset().union(*(token.stems for token in span))
        is_whole = span[0].stems and span[-1].stems  # Not "a chair in".
        meant = [(means, its) for other, means, its in self.synonyms if is_whole and other == said]
        if is_whole and (named := self._categories(said, *(its for _, its in meant))):
            return _Piece(_Kind.CATEGORY, start, end, plain, negated, categories=named)
        if readings := self.values.readings(plain, [means for means, _ in meant]):
            return _Piece(_Kind.ATTRIBUTE, start, end, plain, negated, readings=readings)
        return None

    def _has_minus(self, start: int) -> bool:
        return re.search(r"(?:^|\s)-$", self.words[:start]) is not None

    def _categories(self, *said: frozenset[str]) -> frozenset[int]:
        return frozenset(category for category, name in self.categories.items() if name and name in said)


def _as_said(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces, once it is known what stands beside them."""
    return list(_negated(_alternatives(_heads(pieces))))


def _heads(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Of the categories named, those that are wanted: neither that of "bed cover" nor that of "for the bed"."""
    made = list(pieces)
    for place, (one, after) in enumerate(pairwise([*pieces, _Piece(_Kind.FILLING, 0, 0)])):
        if one.kind is not _Kind.CATEGORY:
            continue
        is_part = after.kind in (_Kind.WORD, _Kind.CATEGORY) and not after.pause
        if is_part or _leads(pieces[:place]) in BESIDE:
            made[place] = replace(one, kind=_Kind.WORD)
    named = [place for place, one in enumerate(made) if one.kind is _Kind.CATEGORY]
    shown = [place for place in named if place and made[place - 1].plain in SHOWN]
    for place in shown if len(shown) < len(named) else []:
        made[place] = replace(made[place], kind=_Kind.FILLING)
    return made


def _leads(before: Sequence[_Piece]) -> str:
    """The word before a thing, without "the" and its like."""
    for one in reversed(before):
        if one.kind is not _Kind.FILLING or one.plain in BESIDE or one.pause:
            return one.plain
    return ""


def _alternatives(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Two values with an "or" between them are one."""
    made: list[_Piece] = []
    for one in pieces:
        if one.kind is _Kind.ATTRIBUTE and len(made) > 1 and made[-1].plain in OR and made[-2].kind is _Kind.ATTRIBUTE:
            made.pop()
            first = made.pop()
            one = replace(first, end=one.end, readings=either(first.readings, one.readings))
        made.append(one)
    return made


def _negated(pieces: Sequence[_Piece]) -> Iterator[_Piece]:
    """A "not" belongs to what follows it, up to a comma."""
    since: int | None = None
    for one in pieces:
        if one.pause:
            since = None
        if one.kind is _Kind.NEGATION:
            since = one.start if since is None else since
        elif one.kind is _Kind.FILLING or since is None:
            yield one
        else:
            yield _without(one, since)
            since = None


def _without(piece: _Piece, since: int) -> _Piece:
    """The piece, negated by a word that begins at `since`. What must not look so describes nothing."""
    kind = _Kind.UNREAD if piece.kind is _Kind.WORD else piece.kind
    return replace(piece, kind=kind, start=since, negated=True)
