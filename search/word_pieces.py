"""Words beside a photo, cut into pieces: prices, the stock, categories and values, and single words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum, auto

from catalog.models import Category
from catalog.synonyms import synonyms_within
from catalog.words import spoken, stems
from search.attribute_readings import Reading, ShopValues
from search.said_prices import Span, prices, sizes

MOST_WORDS = 5  # of a value
# Words with an apostrophe are one, so that "don't" and "I'd" are.
TOKEN = re.compile(r"\w+(?:['’]\w+)?")
STOCK = re.compile(
    r"(?<!\w)(?:in[\s-]+stock|available(?!\s+(?:in|as|with)(?!\w))(?:\s+(?:right\s+)?now)?|ready\s+to\s+ship)(?!\w)",
    re.IGNORECASE,
)
NEGATION = re.compile(
    r"not|no|non|without|except|excluding|minus|neither|never|avoid|avoiding|nothing(?: in)?"
    r"|(?:instead|other|rather) (?:of|than)|(?:any|every|all)(?:thing)?(?: colou?r| material)? but"
    r"|\w+n t|(?:do|does|did|wo)nt"
)
# These have a "not", and leave nothing out.
ASKED = re.compile(
    r"(?<!\w)(?:(?:do|does|did|would|is|are|have|has)n['’]?t\s+(?:you|there|it|they)"
    r"|(?:can|could)(?:n?['’]?t|not|\s+not)\s+(?:find|get|see|you)|why\s+not|not\s+(?:only|just))(?!\w)",
    re.IGNORECASE,
)
CONTRACTED = re.compile(r"(?:i|we|you|he|she|it|they|that|this|there|here|what|who|let) (?:d|m|s|re|ve|ll)")
FREE = "free"  # "leather-free" has none.
# What follows these is beside the thing, and not the thing: "a lamp for the table".
BESIDE = frozenset({"for", "beside", "besides", "behind", "near", "next", "by", "under", "above", "over", "on", "with"})
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
    "option", "shade", "tone", "thanks", "thank", "available",
})  # fmt: skip


class Kind(Enum):
    ATTRIBUTE = auto()
    PRICE = auto()
    STOCK = auto()
    CATEGORY = auto()
    NEGATION = auto()
    FILLING = auto()
    WORD = auto()
    """It describes."""
    UNREAD = auto()


@dataclass(frozen=True)
class Piece:
    """A part of the words, and what it is."""

    kind: Kind
    start: int
    end: int
    plain: str = ""
    """Of one word: as catalog.words.spoken writes it."""
    negated: bool = False
    pause: bool = False
    """Whether a comma or the like stands before it."""
    slash: bool = False
    """Whether a slash alone stands before it."""
    alternatives: tuple[tuple[Reading, ...], ...] = ()
    """Of each value that it may be: the readings, the strictest first."""
    categories: frozenset[int] = frozenset()
    bounds: tuple[Decimal | None, Decimal | None] = (None, None)


def pieces(words: str, values: ShopValues, categories: Mapping[int, Category]) -> list[Piece]:
    """The pieces, in the order of the words. `categories` are all the shop's, by id."""
    return _Cut(words, values, categories).pieces()


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
        self.names = {category: spoken(one.name) for category, one in categories.items()}
        said_stems = [next(known) for _ in said]
        self.synonyms = list(zip(said_stems, means, known, strict=True))
        self.fixed = self._fixed()
        self.sizes = [size for size in sizes(words) if not self._is_fixed(size)]

    def pieces(self) -> list[Piece]:
        made: list[Piece] = []
        place = 0
        while place < len(self.tokens):
            piece = self._at(place)
            between = self.words[made[-1].end if made else 0 : piece.start]
            made.append(replace(piece, pause=bool(PAUSE.search(between)), slash=between.strip() == "/"))
            place = next((n for n, token in enumerate(self.tokens) if token.start >= piece.end), len(self.tokens))
        return made

    def _fixed(self) -> list[Piece]:
        """Prices, the stock and questions, whose words are nothing else."""
        said = [Piece(Kind.PRICE, *price.span, bounds=(price.least, price.most)) for price in prices(self.words)]
        said += [Piece(Kind.STOCK, *one.span()) for one in STOCK.finditer(self.words)]
        return [*said, *(Piece(Kind.FILLING, *one.span()) for one in ASKED.finditer(self.words))]

    def _is_fixed(self, span: Span) -> bool:
        return any(span[0] < one.end and one.start < span[1] for one in self.fixed)

    def _at(self, place: int) -> Piece:
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
                return Piece(Kind.UNREAD, token.start, end)
        left_out = self._has_minus(token.start)
        kind = Kind.UNREAD if left_out or NUMERIC.fullmatch(token.plain) else Kind.WORD
        return Piece(kind, token.start - left_out, token.end, token.plain)

    def _named(self, span: Sequence[_Token]) -> Piece | None:
        """What several words say together, or what one says; None if they name nothing."""
        start, end = span[0].start, span[-1].end
        if self._is_fixed((start, end)):
            return None
        plain = " ".join(token.plain for token in span)
        if NEGATION.fullmatch(plain):
            return Piece(Kind.NEGATION, start, end, plain)
        is_filling = not span[0].stems or plain in FILLING or plain in BESIDE or CONTRACTED.fullmatch(plain)
        if len(span) == 1 and is_filling:
            return Piece(Kind.FILLING, start, end, plain)
        negated = self._has_minus(start)
        start -= negated
        said = frozenset().union(*(token.stems for token in span))
        is_whole = span[0].stems and span[-1].stems  # Not "a chair in".
        meant = [(means, its) for other, means, its in self.synonyms if is_whole and other == said]
        if is_whole and (named := self._categories(plain, said, *(its for _, its in meant))):
            return Piece(Kind.CATEGORY, start, end, plain, negated, categories=named)
        if readings := self.values.readings(plain, [means for means, _ in meant]):
            return Piece(Kind.ATTRIBUTE, start, end, plain, negated, alternatives=(readings,))
        return None

    def _has_minus(self, start: int) -> bool:
        return re.search(r"(?:^|\s)-$", self.words[:start]) is not None

    def _categories(self, plain: str, said: frozenset[str], *meant: frozenset[str]) -> frozenset[int]:
        """The categories of that name, in the plural as well. "Bedding" has the stem of "bed", and is none."""
        named = (
            category
            for category, stem in self.categories.items()
            if (stem and stem == said and abs(len(plain) - len(self.names[category])) <= len("es")) or stem in meant
        )
        return frozenset(named)
