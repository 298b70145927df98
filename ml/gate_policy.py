"""Probabilities to categories: how wide the gate opens for a photo. The choice weighs what each width costs and finds.

Rows are photos; columns are the categories that a head has learned. Only numpy is needed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Literal, Self

import numpy as np

from ml.arrays import Bools, Floats, Ints

CUTOFF = 10  # tuning keeps recall@10: the first page of answers
SLACK = 0.01 + 1e-9  # the most recall given up for less work; 1e-9 lets 1 of 100 queries pass however it is rounded
# The standard errors by which a policy must stay within SLACK. The cheapest of hundreds of policies is the luckiest as
# well: without this, photos that had no part in the choice lose 2.5 points (chosen by four fifths, six seeds).
CLEAR = 2.0
SURE = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.1)  # 1.1 is never reached, so `most` decides
MOST = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32)  # and all categories
CONFUSED = (0.02, 0.05, 0.1, 0.2)  # shares of a predicted category's photos that truly belong to another one
EVIDENCE = 3  # photos: one or two mistakes are no habit


@dataclass(frozen=True)
class Policy:
    """Search the likeliest categories that together are sure enough, a few at most, and those often taken for them."""

    sure: float = 0.9
    """The searched categories together hold at least this much probability, unless `most` stops them."""
    most: int = 3
    """At most this many are searched, confusions aside."""
    confusions: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Column -> columns that are searched as well whenever that one is the likeliest, however sure the head is."""

    def searched(self, probabilities: Floats) -> Bools:
        """Which categories to search: (n, K) probabilities -> (n, K). Equal ones rank by column."""
        ranks, before = _ranked(probabilities)
        return self._searched(ranks, before)

    def _searched(self, ranks: Ints, before: Floats) -> Bools:
        searched: Bools = (ranks == 0) | ((ranks < self.most) & (before < self.sure))
        if self.confusions:
            hidden = np.zeros((ranks.shape[1],) * 2, bool)
            for column, others in self.confusions.items():
                hidden[column, list(others)] = True
            searched |= hidden[ranks.argmin(axis=1)]
        return searched

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Columns may be text, which JSON makes of them. Raises TypeError on unknown fields."""
        confusions = {int(column): tuple(others) for column, others in data.get("confusions", {}).items()}
        return cls(**{**data, "confusions": confusions})


HARD = Policy(sure=0.0, most=1)
GATES = ("hard", "soft", "open")


@dataclass(frozen=True)
class Worth:
    """What a gate finds and costs."""

    recall: float
    """The share of queries whose first wanted product is among the first CUTOFF."""
    work: float
    """The mean share of the catalogue's photos that a query is compared with."""


@dataclass(frozen=True)
class Worths:
    """What the three gates are worth on some queries."""

    queries: int
    hard: Worth
    soft: Worth
    open: Worth


@dataclass(frozen=True)
class Tuned:
    """A policy, its worth and that of the two extremes, on the queries that it was chosen by."""

    policy: Policy
    queries: int
    recall_of: Literal["products", "categories"]
    """"products": a wanted product comes among the first CUTOFF; "categories": its category is searched."""
    hard: Worth
    soft: Worth
    """The policy's own worth."""
    open: Worth
    views: Worths | None = None
    """The worths on views of the photos in rooms, which the policy was chosen by as well."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of dataclasses.asdict, and of JSON on the way."""
        views = data.get("views")
        worths: dict[str, Any] = {name: Worth(**data[name]) for name in GATES}
        worths["views"] = views and Worths(views["queries"], *(Worth(**views[name]) for name in GATES))
        return cls(**{**data, **worths, "policy": Policy.from_dict(data["policy"])})


@dataclass(frozen=True, eq=False)
class Asked:
    """Queries of one kind that a policy is chosen by."""

    probabilities: Floats
    """(q, K), by heads that have not seen the query's product."""
    truth: Ints
    """(q,) the column of each query's own category, which holds all that the query wants."""
    ahead: Ints | None
    """(q, K) by `products_ahead`; None where nobody knows what the queries want."""

    @cached_property
    def ranked(self) -> tuple[Ints, Floats]:
        return _ranked(self.probabilities)

    def searched(self, policy: Policy) -> Bools:
        return policy._searched(*self.ranked)

    def found(self, searched: Bools) -> Bools:
        """(q,) whether a wanted product comes among the first CUTOFF of the searched categories, (q, K)."""
        right: Bools = searched[np.arange(len(self.truth)), self.truth]
        return right if self.ahead is None else right & ((self.ahead * searched).sum(axis=1) < CUTOFF)

    @cached_property
    def best(self) -> Bools:
        """What the best of the hard, default and open gate finds."""
        gates = (self.searched(HARD), self.searched(Policy()), np.ones(self.probabilities.shape, bool))
        return max((self.found(searched) for searched in gates), key=lambda found: float(found.mean()))


def tune(asked: Asked, photos: Ints, confused: Floats, views: Asked | None = None) -> Tuned:
    """The policy of least work whose recall is surely within SLACK of the best of the hard, default and open gate.

    So it must be on the photos and on their views, each by themselves: a photo's category is surer than a view's. A
    paired test of non-inferiority over the queries, CLEAR standard errors strict, decides what is sure. Where no
    policy is, the one that loses least is taken.

    Args:
        photos: (K,) photos of each category: the work of searching it.
        confused: (K, K) by `confusion_shares`.
    """
    kinds = [asked] if views is None else [asked, views]
    share = photos / photos.sum()
    tried = list(_grid(confused))
    losses, works = np.empty((len(tried), len(kinds))), np.empty(len(tried))
    sure = np.ones(len(tried), bool)
    for row, policy in enumerate(tried):
        searched = [kind.searched(policy) for kind in kinds]
        works[row] = np.concatenate(searched).dot(share).mean()
        for column, (kind, opened) in enumerate(zip(kinds, searched, strict=True)):
            found = kind.found(opened)
            losses[row, column] = kind.best.mean() - found.mean()
            sure[row] &= _is_as_good(found, kind.best)
    loss = losses.max(axis=1)
    by_work = np.lexsort((loss, np.where(sure, works, np.inf)))
    policy = tried[by_work[0] if sure.any() else np.lexsort((works, loss))[0]]
    kind_of_recall: Literal["products", "categories"] = "categories" if asked.ahead is None else "products"
    worths = None if views is None else Worths(len(views.truth), *_worths(views, policy, share))
    return Tuned(policy, len(asked.truth), kind_of_recall, *_worths(asked, policy, share), worths)


def _worths(asked: Asked, policy: Policy, share: Floats) -> tuple[Worth, Worth, Worth]:
    """Of the hard gate, the policy and the open gate."""
    gates = (asked.searched(HARD), asked.searched(policy), np.ones(asked.probabilities.shape, bool))
    hard, soft, opened = (Worth(float(asked.found(gate).mean()), float((gate @ share).mean())) for gate in gates)
    return hard, soft, opened


def _is_as_good(found: Bools, best: Bools) -> bool:
    """Whether the first of two gates loses at most SLACK, by more than chance; (q,) is what each found."""
    gains = found.astype(float) - best
    return bool(gains.mean() - CLEAR * gains.std() / len(gains) ** 0.5 >= -SLACK)


def products_ahead(similarities: Floats, wanted: Bools, columns: Ints, count: int) -> Ints:
    """For each query, how many products of each category rank before its first wanted one: (q, count).

    Args:
        similarities: (q, P) by `ml.retrieval.similarities`, -inf for products that must not answer.
        wanted: (q, P), at least one with a finite similarity in each row.
        columns: (P,) the column of each product's category, below `count`.
    """
    ahead = np.empty((len(similarities), count), np.int64)
    for row, (scores, sought) in enumerate(zip(similarities, wanted, strict=True)):
        best = np.where(sought, scores, -np.inf).max()
        ahead[row] = np.bincount(columns[scores > best], minlength=count)
    return ahead


def confusion_shares(predicted: Ints, truth: Ints, count: int) -> Floats:
    """(count, count) the share of photos predicted as the row's category that truly belong to the column's.

    Predictions are out of fold. Off the diagonal, fewer than EVIDENCE photos count as none.
    """
    pairs = np.zeros((count, count))
    np.add.at(pairs, (predicted, truth), 1)
    shares = pairs / np.maximum(pairs.sum(axis=1, keepdims=True), 1)
    shares[(pairs < EVIDENCE) & ~np.eye(count, dtype=bool)] = 0
    return shares


def confusions(shares: Floats, least: float) -> dict[int, tuple[int, ...]]:
    """The columns that hide behind each predicted one with at least this share, as `Policy.confusions`."""
    hidden = (shares >= least) & ~np.eye(len(shares), dtype=bool)
    return {int(row): tuple(np.flatnonzero(hidden[row]).tolist()) for row in np.flatnonzero(hidden.any(axis=1))}


def _grid(confused: Floats) -> Iterator[Policy]:
    """The policies to try, simplest first: the first of equally good ones is taken. The last searches everything."""
    widest = len(confused)
    levels: list[dict[int, tuple[int, ...]]] = [{}]
    for least in sorted(CONFUSED, reverse=True):
        level = confusions(confused, least)
        if level not in levels:
            levels.append(level)
    for level in levels:
        yield Policy(HARD.sure, HARD.most, level)
        for most, sure in product((*(m for m in MOST if m < widest), widest), SURE):
            yield Policy(sure, most, level)


def _ranked(probabilities: Floats) -> tuple[Ints, Floats]:
    """Each category's place from 0, and the probability that those before it hold together; both (n, K)."""
    order = np.argsort(-probabilities, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1)
    sums = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    before = np.pad(sums[:, :-1], ((0, 0), (1, 0)))
    return ranks, np.take_along_axis(before, ranks, axis=1)
