"""Baskets: one product for each thing, as much alike as a budget allows."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import gcd
from operator import attrgetter

import numpy as np

from search import knapsack
from search.knapsack import Shelf

MOST_THINGS, MOST_CANDIDATES, MOST_BASKETS = 10, 100, 10
# Similarities have 4 digits, or 6 in an L2 space (search.lookup.DIGITS).
DIGITS = 6
# Longer than a choice takes that ends in a proof: 0.4 s (python -m benchmarks.speed basket).
SECONDS = 1.0


@dataclass(frozen=True)
class Offer:
    """A product that can be bought for a thing."""

    sku: str
    price: Decimal
    similarity: float

    @property
    def cents(self) -> int:
        return int(self.price * 100)

    @property
    def millionths(self) -> int:
        return round(self.similarity * 10**DIGITS)


@dataclass(frozen=True)
class Basket:
    """One offer for each thing. Two things may have the same product, which is then bought twice."""

    offers: Mapping[int, Offer]

    @property
    def total(self) -> Decimal:
        return sum((offer.price for offer in self.offers.values()), Decimal("0.00"))

    @property
    def similarity(self) -> float:
        return sum(offer.millionths for offer in self.offers.values()) / 10**DIGITS


def best(
    things: Mapping[int, Sequence[Offer]], budget: Decimal, limit: int = 1, seconds: float = SECONDS
) -> list[Basket]:
    """The `limit` baskets of the highest total similarity that cost `budget` at most, best first.

    Of equally similar baskets the cheaper one comes first, then the one whose skus, thing by thing, come first. Fewer
    come back if there are no more. Raises knapsack.UnprovenError where it cannot prove that they are the best.

    Args:
        things: the offers for each thing, by its number; each sku once a thing.
    """
    if not all(things.values()):
        return []
    spare = int(budget * 100) - sum(min(offer.cents for offer in offers) for offers in things.values())
    if spare < 0:
        return []
    ruled = [_not_dominated(offers, spare, limit) for offers in things.values()]
    step = gcd(*(offer.millionths - offers[0].millionths for offers in ruled for offer in offers)) or 1
    found = knapsack.best([_shelf(offers, step) for offers in ruled], spare, limit, time.monotonic() + seconds)
    return [
        Basket({thing: offers[pick] for thing, offers, pick in zip(things, ruled, one.picks, strict=True)})
        for one in found
    ]


def cheapest(things: Mapping[int, Sequence[Offer]]) -> Basket:
    """The basket of the lowest total; of equally cheap offers the most similar one, then the first by sku."""
    return Basket(
        {
            thing: min(offers, key=lambda offer: (offer.cents, -offer.millionths, offer.sku))
            for thing, offers in things.items()
        }
    )


def _not_dominated(offers: Sequence[Offer], spare: int, limit: int) -> list[Offer]:
    """The offers that may be in one of the `limit` best baskets, by sku.

    `spare` is what is left of the budget, in cents, when the cheapest offer is taken for each thing. An offer that is
    no cheaper and no more similar than `limit` others is in none: each of them makes a better basket of the rest.
    """
    ranked = sorted(offers, key=lambda offer: (offer.cents, -offer.millionths, offer.sku))
    ranked = [offer for offer in ranked if offer.cents - ranked[0].cents <= spare]
    kept = knapsack.undominated(np.array([offer.millionths for offer in ranked]), limit)
    return sorted((ranked[place] for place in np.flatnonzero(kept)), key=attrgetter("sku"))


def _shelf(offers: Sequence[Offer], step: int) -> Shelf:
    cents, millionths = (np.array([*map(attrgetter(name), offers)], np.int64) for name in ("cents", "millionths"))
    return Shelf(cents - cents.min(), (millionths - millionths.min()) // step)
