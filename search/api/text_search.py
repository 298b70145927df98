"""Search by words, from the parameters sent to the products found: by the words, by what they mean, or by both."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.serializers import ValidationError

from catalog import vocabulary
from catalog.filters import Found, filters_of
from catalog.models import Product, ProductQuerySet, has_words
from catalog.pagination import ProductPagination
from ml.recipes import WeightsError
from search import text_encoders
from search.api.text_serializers import Mode, TextSearchSerializer
from search.meaning import Meaning

logger = logging.getLogger(__name__)
# Products with the words that are ranked and counted at most. Ranking all of a common word's takes half a second among
# a million products, and nobody leafs through 500 pages.
MOST_RANKED = 10_000


class Place(NamedTuple):
    """A product among those found."""

    pk: int
    rank: float
    found_by: Mode


class Ranking:
    """All places, in order. A paginator asks for their number, and for some of them."""

    def __init__(self, having: ProductQuerySet | None, words: str, near: Callable[[], Iterable[int]]) -> None:
        """Those `having` the words (None: they are not asked for), then those of `near` that lack them.

        `near` is asked last: the words are being encoded meanwhile.
        """
        self.having = having
        self.words = words
        self.near = near

    @property
    def has_words(self) -> bool:
        """Whether any product was found by its words."""
        return self._number_with_words > 0

    def count(self) -> int:
        return self._number_with_words + len(self._without_words)

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[Place]:
        number, first = self._number_with_words, self._first
        part = slice(part.start, min(part.stop, self.count()))
        with_words = first[part] if part.stop <= len(first) or number == len(first) else self._read(part)
        rest = slice(max(0, part.start - number), max(0, part.stop - number))
        return [Place(pk, rank, Mode.WORDS) for pk, rank in with_words] + [
            Place(pk, 0.0, Mode.MEANING) for pk in self._without_words[rest]
        ]

    @cached_property
    def _first(self) -> list[tuple[int, float]]:
        """The first that have the words. They are often all, which saves counting them."""
        return self._read(slice(0, ProductPagination.max_page_size))

    @cached_property
    def _number_with_words(self) -> int:
        if self.having is None or len(self._first) < ProductPagination.max_page_size:
            return len(self._first)
        return self.having[:MOST_RANKED].count()

    @cached_property
    def _ranked(self) -> ProductQuerySet | None:
        """Those that have the words, best first: MOST_RANKED of them."""
        if self.having is None:
            return None
        some = self.having.order_by().values("pk")[:MOST_RANKED]
        return Product.objects.filter(pk__in=some).ranked(self.words)

    @cached_property
    def _without_words(self) -> list[int]:
        near = list(self.near())
        if self.having is None or not near:
            return near
        if self._number_with_words == len(self._first):
            have = {pk for pk, _ in self._first}
        else:
            have = set(self.having.filter(pk__in=near).values_list("pk", flat=True))
        return [pk for pk in near if pk not in have]

    def _read(self, part: slice) -> list[tuple[int, float]]:
        if self._ranked is None:
            return []
        return list(self._ranked.values_list("pk", "rank")[part])  # type: ignore[misc]  # ranked() sets `rank`.


@dataclass(frozen=True)
class FoundByText(Found):
    """The products that a search by words finds."""

    mode: Mode = Mode.WORDS
    """What finds products. It is `words` where `both` was asked for and no encoder can be had."""
    meaning: Meaning | None = None

    @cached_property
    def near(self) -> Mapping[int, float]:
        """The similarities of the products near in meaning that pass the filters, by id, best first."""
        return self.meaning.near(filters_of(self.given)) if self.meaning else {}

    @cached_property
    def ranking(self) -> Ranking:
        having = self.among.filter(filters_of(self.given)).filter(has_words(self.words))
        return Ranking(None if self.mode == Mode.MEANING else having, self.words, lambda: self.near)

    def at(self, places: Sequence[Place]) -> list[Product]:
        """The products at these places, with headlines, photos, and how each was found."""
        ids = [place.pk for place in places]
        products = {one.pk: one for one in self.among.filter(pk__in=ids).with_first_photo().with_headlines(self.words)}
        for pk, rank, found_by in places:
            if pk in products:  # It may have been deleted just now.
                products[pk].rank, products[pk].found_by = rank, found_by
        return [products[pk] for pk in ids if pk in products]

    def _passing(self, given: Mapping[str, Any]) -> ProductQuerySet:
        filters = filters_of(given)
        near = Q(pk__in=self.meaning.near(filters) if self.meaning else ())
        wanted = near if self.mode == Mode.MEANING else has_words(self.words) | near
        return self.among.filter(filters).filter(wanted)


def find(request: Request, among: QuerySet[Any]) -> FoundByText:
    """What the parameters of a TextSearchSerializer find. Raises rest_framework's ValidationError and WeightsError."""
    asked = TextSearchSerializer.find(request, among)
    mode = Mode(asked.given["mode"])
    meaning = None if mode == Mode.WORDS else _meaning(asked.words, mode)
    return FoundByText(asked.among, asked.given, mode if meaning else Mode.WORDS, meaning)


def did_you_mean(found: FoundByText) -> str | None:
    """Words like those that were asked for which find something, where these find nothing by themselves."""
    if found.mode == Mode.MEANING or found.ranking.has_words:
        return None
    meant = vocabulary.did_you_mean(found.words)
    if meant is None or Product.objects.search(found.words).exists():  # The filters alone may have left nothing.
        return None
    return meant if Product.objects.search(meant).exists() else None


def _meaning(words: str, mode: Mode) -> Meaning | None:
    """What the words mean; None where they can be searched for as words alone."""
    try:
        encoder = text_encoders.text_encoder()
        if encoder:
            return Meaning(encoder, words)
    except WeightsError as error:
        if mode == Mode.MEANING:
            raise
        logger.warning("Words are searched for without their meaning: %s", error)
        return None
    if mode == Mode.MEANING:
        raise ValidationError({"mode": "This shop has no text encoder: leave it out, or send words."}, "no_encoder")
    return None
