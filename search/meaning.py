"""Products whose texts mean what a customer's words mean, though they may share none of them."""

import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from typing import NamedTuple

from django.db.models import Q

from catalog import words as full_text
from catalog.synonyms import synonyms_within
from ml.feature_scaling import unit
from ml.text_encoder import Floats, TextEncoder
from search.store import text_vectors
from search.store.passing import conditions

# The most products that are found by meaning: two pages and a half. Beyond them, what is near is near by chance, and
# the nearest 100 take a millisecond more.
MOST = 50
# What a product's texts share of the words counts so much beside the cosine of both vectors (benchmarks.words).
WORDS_WEIGHT = 0.1
# A product is left out below this share of the best one's score, and below this score. Of what 67 queries wanted, three
# quarters are among the 50 products that pass; words that no furniture is meant by have best scores of 0.15 to 0.45.
LEAST_SHARE, LEAST = 0.7, 0.25


class Meaning:
    """What a query's words mean, and the products nearest to it."""

    def __init__(self, encoder: TextEncoder, words: str) -> None:
        """The words are encoded while the caller goes on: asking for those that have them takes as long.

        Raises ml.recipes.WeightsError.
        """
        encoder.load()
        self.encoder = encoder
        self.words = words
        self._asked = _plain(words)
        self._vectors = _threads().submit(encoder.encode, _wordings(self._asked), "query") if self._asked else None
        self._rankings: dict[str, list[_Scored]] = {}

    @cached_property
    def vector(self) -> Floats | None:
        """The vector of the words, (dimensions,); None where they are signs alone.

        Where the shop has synonyms for them, it lies between all wordings.
        """
        return unit(self._vectors.result().mean(axis=0, keepdims=True))[0] if self._vectors else None

    def near(self, filters: Q) -> Mapping[int, float]:
        """The cosine similarity of the products near in meaning that pass the filters, by id.

        The best comes first. A product that has some of the words is better by WORDS_WEIGHT of their share.
        """
        return {one.product: one.similarity for one in self._ranked(filters) if one.score >= self._least}

    @cached_property
    def _least(self) -> float:
        """The score that is near enough. It does not depend on the filters."""
        best = self._ranked(Q())[:1]
        return max([LEAST, *(LEAST_SHARE * one.score for one in best)])

    def _ranked(self, filters: Q) -> list["_Scored"]:
        key = repr(conditions(filters))  # A Q that holds a set of products would be read for its text.
        if key not in self._rankings:
            self._rankings[key] = self._rank(filters)
        return self._rankings[key]

    def _rank(self, filters: Q) -> list["_Scored"]:
        if self.vector is None:
            return []
        words, demanded = full_text.spoken(self._asked).split(), _demanded(self.words)
        rows = text_vectors.nearest(self.encoder.model, self.vector, words, MOST, filters & demanded)
        scored = [_Scored(product, 1 - distance, share) for product, distance, share in rows]
        return sorted(scored, key=lambda one: -one.score)


class _Scored(NamedTuple):
    product: int
    similarity: float
    share: float
    """Of the words, those that the product has."""

    @property
    def score(self) -> float:
        return self.similarity + WORDS_WEIGHT * self.share


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="encode")


os.register_at_fork(after_in_child=_threads.cache_clear)  # A child has none of its parent's threads.


def _wordings(asked: str) -> list[str]:
    """The words, and once more for each of the shop's synonyms, as the shop says it."""
    plain = full_text.spoken(asked)
    wordings = [asked]
    for said, means in synonyms_within(asked):
        said, means = full_text.spoken(said), full_text.spoken(means)
        meant = re.sub(rf"\b{re.escape(said)}\b", means, plain)
        wordings.append(f"{plain} {means}" if meant == plain else meant)  # They have another form of its words.
    return wordings


def _plain(words: str) -> str:
    """The words without what web search reads as signs: quotes, OR, and what a minus leaves out."""
    tokens = [token for token in full_text.TOKENS.findall(words) if not token.startswith("-") and token.lower() != "or"]
    return " ".join(tokens).replace('"', " ").strip()


def _demanded(words: str) -> Q:
    """What a product's texts must have, or must not: phrases in quotes, and words after a minus."""
    tokens = [token for token in full_text.TOKENS.findall(full_text.typed(words)) if token.startswith(("-", '"'))]
    synonyms = synonyms_within(words)
    demanded = [full_text.meant(token, synonyms) for token in tokens if not full_text.says_nothing(token)]
    return Q(*(Q(search_vector=query) for query in demanded))
