"""The multiple-choice knapsack problem, exactly: one offer of each shelf, as much alike as the money allows.

Kellerer, Pferschy and Pisinger, "Knapsack Problems", 2004, chapter 11; here the `limit` best solutions are asked for.
The search takes one shelf after the other and keeps the prefixes of baskets that may still become one of the best. It
counts in whole cents and whole steps of similarity, so that no tolerance can let a basket above the budget pass or hide
a better one.

scipy's milp solves the same problem for the best basket, in floats and with tolerances. For ten shelves of 100 offers
it takes 0.02 s to 3 s, and ten baskets with their ties in order are at least twenty such programs. This search takes
0.01 s to 0.4 s for all ten (`python -m benchmarks.speed basket`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# How many prefixes a pass keeps. The first is enough where price and likeness have little to do with each other, and
# takes 10 ms for 10 things of 100 candidates. The last takes a second where no candidate can be ruled out.
WIDTHS = (200, 1_600, 12_800)
# Only so many times as many are sorted to find those that others dominate.
SORTED = 8
# Prefixes are made longer so many at a time, so that a choice takes 30 MB at most.
SLICE = 1_000
# The choices of the last things that are looked at one by one for what they promise, if the first pass was not enough.
MOST_STAIRS = 20_000


class UnprovenError(Exception):
    """No basket could be proven to be the best within the time or the memory allowed."""


@dataclass(frozen=True)
class Shelf:
    """A thing's offers, by sku."""

    prices: Ints
    """Cents above the cheapest."""
    alike: Ints
    """Steps above the least similar."""


class Found(NamedTuple):
    """A basket; the lesser one is better."""

    unlike: int
    """Steps of similarity, negative."""
    price: int
    picks: tuple[int, ...]


def best(shelves: Sequence[Shelf], spare: int, limit: int, deadline: float) -> list[Found]:
    """The `limit` best baskets that cost `spare` cents at most, best first; fewer if there are no more.

    Raises UnprovenError, also at `deadline` on the clock of time.monotonic.
    """
    return _Search(shelves, spare, limit).proven(deadline)


def undominated(alike: Ints, limit: int) -> NDArray[np.bool_]:
    """Which rows have fewer than `limit` rows before them that are as much alike or more. Rows come by rising price."""
    rows = alike
    for _ in range(limit):
        # The most alike of all rows before each one. What it beats goes on to the next round: after the last one, this
        # is the `limit`-th most alike of all rows before.
        before = np.concatenate([[-1], np.maximum.accumulate(rows)[:-1]])
        rows = np.minimum(rows, before)
    return alike > before


class _Line(NamedTuple):
    """How much alike the things that are still to be chosen can be for a price, if offers could be bought in parts.

    A concave, rising line from (0, ...) through these corners. No choice of whole offers is above it (Zemel, 1980).
    """

    prices: Floats
    alike: Floats

    def most_alike(self, price: Ints) -> Ints:
        """At most so many steps. The corners are below 2^53, so floats hold them, and err by far less than 1e-3."""
        return np.floor(np.interp(price, self.prices, self.alike) + 1e-3).astype(np.int64)

    def least_price(self, alike: Ints) -> Ints:
        """At least so many cents, for steps that can be reached."""
        return np.ceil(np.interp(alike, self.alike, self.prices) - 0.25).astype(np.int64)


class _Stairs(NamedTuple):
    """The same of whole offers: each price, from 0 on, at which the things get more alike, and how much."""

    prices: Ints
    alike: Ints

    def most_alike(self, price: Ints) -> Ints:
        return self.alike[np.searchsorted(self.prices, price, "right") - 1]

    def least_price(self, alike: Ints) -> Ints:
        return self.prices[np.searchsorted(self.alike, alike).clip(max=len(self.prices) - 1)]


_Rest = _Line | _Stairs


def _lines(shelves: Sequence[Shelf]) -> list[_Rest]:
    """What the shelves from each one on promise; the last is of none."""
    lines, start, edges = [_Line(np.zeros(1), np.zeros(1))], 0, list[tuple[int, int]]()
    for shelf in reversed(shelves):
        corners = _hull(shelf)
        start += corners[0][1]
        edges += [(right[0] - left[0], right[1] - left[1]) for left, right in pairwise(corners)]
        edges.sort(key=lambda edge: edge[1] / edge[0], reverse=True)
        prices = accumulate(map(itemgetter(0), edges), initial=0)
        alike = accumulate(map(itemgetter(1), edges), initial=start)
        lines.append(_Line(np.array([*prices], float), np.array([*alike], float)))
    return [*reversed(lines)]


def _with_stairs(lines: Sequence[_Rest], shelves: Sequence[Shelf], spare: int) -> list[_Rest]:
    """The same, with stairs for the last shelves, as far as their choices are not too many to be looked at."""
    rests = [*lines]
    stairs = _Stairs(np.zeros(1, np.int64), np.zeros(1, np.int64))
    for place in reversed(range(len(shelves))):
        shelf = shelves[place]
        if len(stairs.prices) * len(shelf.prices) > MOST_STAIRS:
            break
        price, alike = (np.add.outer(*both).ravel() for both in zip(stairs, (shelf.prices, shelf.alike), strict=True))
        by_price = np.lexsort((-alike, price))
        by_price = by_price[price[by_price] <= spare]
        rising = by_price[undominated(alike[by_price], 1)]
        rests[place] = stairs = _Stairs(price[rising], alike[rising])
    return rests


def _hull(shelf: Shelf) -> list[tuple[int, int]]:
    """(price, alike) of the offers on the upper concave hull, from the best of the cheapest to the most alike."""
    corners: list[tuple[int, int]] = []
    for price, alike in sorted(zip(shelf.prices.tolist(), shelf.alike.tolist(), strict=True), key=_by_price):
        if corners and alike <= corners[-1][1]:
            continue
        while len(corners) > 1 and _is_below(corners[-1], corners[-2], (price, alike)):
            corners.pop()
        corners.append((price, alike))
    return corners


def _by_price(point: tuple[int, int]) -> tuple[int, int]:
    return point[0], -point[1]


def _is_below(point: tuple[int, int], left: tuple[int, int], right: tuple[int, int]) -> bool:
    return (point[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (point[0] - left[0])


@dataclass(frozen=True)
class _Prefixes:
    """Choices for the first things, in the order of their picks."""

    parent: Ints
    """Which prefix of one thing less each of them continues."""
    pick: Ints
    """Its offer for the last thing."""
    price: Ints
    alike: Ints
    promise: Ints
    """The most steps that a basket with this prefix can have."""
    against: Ints
    """-1: its picks come before those of the bar, 0: they are the same, 1: they come after."""

    def at(self, rows: Ints | slice) -> "_Prefixes":
        return _Prefixes(*(column[rows] for column in vars(self).values()))

    def and_then(self, others: "_Prefixes") -> "_Prefixes":
        return _Prefixes(*map(np.concatenate, zip(vars(self).values(), vars(others).values(), strict=True)))

    def undominated(self, limit: int) -> "_Prefixes":
        """Without those that cost no less and are no more alike than `limit` others."""
        by_price = np.lexsort((-self.alike, self.price))  # Equal ones stay in the order of their picks.
        return self.at(np.sort(by_price[undominated(self.alike[by_price], limit)]))

    def narrowed(self, count: int) -> tuple["_Prefixes", int]:
        """The `count` most promising ones, the first where equal, and the promise of the best one lost (-1: none)."""
        if len(self.promise) <= count:
            return self, -1
        lost, least = np.partition(self.promise, (-count - 1, -count))[-count - 1 : len(self.promise) - count + 1]
        above = np.flatnonzero(self.promise > least)
        level = np.flatnonzero(self.promise == least)[: count - len(above)]
        return self.at(np.sort(np.concatenate([above, level]))), int(lost)


_NONE = _Prefixes(*[np.zeros(0, np.int64)] * 6)


class _Search:
    def __init__(self, shelves: Sequence[Shelf], spare: int, limit: int) -> None:
        self.shelves, self.rests, self.spare, self.limit = shelves, _lines(shelves), spare, limit

    def proven(self, deadline: float) -> list[Found]:
        """The best baskets. Each pass keeps more prefixes than the one before, and begins with a higher bar."""
        bar: Found | None = None
        for width in WIDTHS:
            found, lost = self._pass(width, bar, deadline)
            if lost < 0:
                return found
            # Each prefix ends in a basket, and the widths are above the limit: if one was lost, `found` is full.
            bar = min(bar or found[-1], found[-1])
            if lost < -bar.unlike:
                return found
            if width == WIDTHS[0]:
                self.rests = _with_stairs(self.rests, self.shelves, self.spare)
        raise UnprovenError

    def _pass(self, width: int, bar: Found | None, deadline: float) -> tuple[list[Found], int]:
        """The best baskets whose prefixes are always among the `width` most promising ones.

        `bar` is the `limit`-th best basket known: what cannot be as good is passed over. The second value is the most
        steps that a basket can have which was passed over for want of room; -1: none was.
        """
        prefixes, picks, lost = _Prefixes(*[np.zeros(1, np.int64)] * 6), np.zeros((1, 0), np.int64), -1
        for thing in range(len(self.shelves)):
            if time.monotonic() > deadline:
                raise UnprovenError
            longer = _NONE
            for start in range(0, len(prefixes.price), SLICE):
                longer, missed = longer.and_then(self._longer(prefixes, start, thing, bar)).narrowed(SORTED * width)
                lost = max(lost, missed)
            prefixes, missed = longer.undominated(self.limit).narrowed(width)
            lost = max(lost, missed)
            picks = np.column_stack([picks[prefixes.parent], prefixes.pick])
        first = np.lexsort((prefixes.price, -prefixes.alike))[: self.limit]
        rows = zip(-prefixes.alike[first], prefixes.price[first], picks[first].tolist(), strict=True)
        return [Found(int(unlike), int(price), tuple(own)) for unlike, price, own in rows], lost

    def _longer(self, prefixes: _Prefixes, start: int, thing: int, bar: Found | None) -> _Prefixes:
        """A slice of the prefixes with each offer of one thing more, without what cannot be as good as the bar."""
        prefixes, shelf, rest = prefixes.at(slice(start, start + SLICE)), self.shelves[thing], self.rests[thing + 1]
        price = (prefixes.price[:, None] + shelf.prices).ravel()
        affordable = np.flatnonzero(price <= self.spare)
        parent, pick = np.divmod(affordable, len(shelf.prices))
        price, alike = price[affordable], prefixes.alike[parent] + shelf.alike[pick]
        promise = alike + rest.most_alike(self.spare - price)
        longer = _Prefixes(start + parent, pick, price, alike, promise, prefixes.against[parent])
        return longer if bar is None else _as_good(longer, rest, bar, thing)


def _as_good(longer: _Prefixes, rest: _Rest, bar: Found, thing: int) -> _Prefixes:
    """Those that may end in a basket as good as the bar: more alike, or as much and cheaper, or earlier by its skus."""
    longer = longer.at(np.flatnonzero(longer.promise >= -bar.unlike))
    against = np.where(longer.against != 0, longer.against, np.sign(longer.pick - bar.picks[thing]))
    least = longer.price + rest.least_price(-bar.unlike - longer.alike)
    as_cheap = (least < bar.price) | ((least == bar.price) & (against <= 0))
    good = np.flatnonzero((longer.promise > -bar.unlike) | as_cheap)
    return replace(longer, against=against).at(good)
