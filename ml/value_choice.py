"""Which value of an attribute a product has: the likeliest of several, or those of a list that are likely enough.

A logistic regression over a few numbers for each candidate. It is fitted on products whose value is known, and says
from which confidence on it is right often enough: what is less sure is not said.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ml.arrays import Bools, Floats, Ints

PRECISION = 0.9
# The precision that is promised is the measured one less so many of its standard errors: few products promise little.
ERRORS = 1.5
STEPS = 20
FOLDS = 5
FEWEST = 30  # products to learn from and to measure on


@dataclass(frozen=True, eq=False)
class Candidates:
    """The values that n products may have, and what speaks for each."""

    features: Floats
    """(m, features) of all candidates of all products"""
    products: Ints
    """(m,) the place of each candidate's product, 0 to n - 1, ascending"""


@dataclass(frozen=True)
class Choice:
    """What a product has."""

    candidates: Sequence[int]
    """Places among the product's own candidates, the likeliest first."""
    confidence: float


@dataclass(frozen=True)
class ValueModel:
    weights: Sequence[float]
    bias: float
    is_list: bool
    """Whether a product may have several of the values."""
    least_confidence: float
    """Below it nothing is said; above 1: nothing at all."""
    precision: float
    """What can be promised: of held-out products at least as sure, the share that was right, less ERRORS."""
    coverage: float
    """Of all held-out products, the share that is as sure."""
    products: int
    """Products that it learned from."""

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        return cls(**fields)

    def choose(self, features: Floats) -> Choice:
        """Of one product's candidates, (m, features), m at least 1."""
        logits = np.clip(features @ np.asarray(self.weights) + self.bias, -30, 30)
        return _chosen(1 / (1 + np.exp(-logits)), self.is_list)


def folds(count: int) -> Iterator[tuple[Ints, Ints]]:
    """The rows to learn from and those held out, FOLDS times: each of `count` rows is held out once."""
    from sklearn.model_selection import KFold  # Slow to import, and whoever only chooses does not need it.

    yield from KFold(FOLDS, shuffle=True, random_state=0).split(np.zeros(count))


def fit(candidates: Candidates, right: Bools, complete: Bools, is_list: bool) -> ValueModel | None:
    """The model of n products whose values are known; None where they are too few.

    Args:
        candidates: of n products.
        right: (m,) whether the product has the candidate.
        complete: (n,) whether all that the product has is among its candidates, in order.
        is_list: whether a product may have several of the values.
    """
    count = len(complete)
    if count < FEWEST or right.all() or not right.any():
        return None
    sure, correct = np.zeros(count), np.zeros(count, bool)
    for learned, held in folds(count):
        chosen = np.isin(candidates.products, learned)
        if not right[chosen].any() or right[chosen].all():
            return None
        model = _fitted(candidates.features[chosen], right[chosen], is_list)
        for product in held.tolist():
            own = candidates.products == product
            if not own.any():
                continue
            choice = model.choose(candidates.features[own])
            said = np.zeros(int(own.sum()), bool)
            said[list(choice.candidates)] = True
            sure[product] = choice.confidence
            correct[product] = complete[product] and bool((said == right[own]).all())
    least, precision, coverage = _threshold(sure, correct)
    model = _fitted(candidates.features, right, is_list)
    return ValueModel(model.weights, model.bias, is_list, least, precision, coverage, count)


def _fitted(features: Floats, right: Bools, is_list: bool) -> ValueModel:
    from sklearn.linear_model import LogisticRegression  # As slow.

    regression = LogisticRegression(C=1.0, max_iter=1_000).fit(features, right)
    return ValueModel(regression.coef_[0].tolist(), float(regression.intercept_[0]), is_list, 0.0, 0.0, 0.0, 0)


def _chosen(odds: Floats, is_list: bool) -> Choice:
    order = np.argsort(-odds, kind="stable")
    if not is_list:
        second = odds[order[1]] if len(odds) > 1 else 0.0
        return Choice([int(order[0])], float(odds[order[0]] * (1 - second)))
    several = [int(place) for place in order if odds[place] > 0.5] or [int(order[0])]
    return Choice(several, float(np.prod(np.maximum(odds, 1 - odds)) if odds[order[0]] > 0.5 else odds[order[0]]))


def _threshold(sure: Floats, correct: Bools) -> tuple[float, float, float]:
    """The least confidence from which on PRECISION can be promised, the precision promised there, and the coverage.

    Only STEPS shares of all are tried, as the best of many tries would look better than it is.
    """
    order = np.argsort(-sure, kind="stable")
    for step in range(STEPS, 0, -1):
        told = sure >= sure[order[max(0, step * len(order) // STEPS - 1)]]  # Those that are equally sure as well.
        number, precision = int(told.sum()), float(correct[told].mean())
        error = max(precision * (1 - precision), 0.25 / number) / number
        promised = precision - ERRORS * error**0.5
        if number >= FEWEST and promised >= PRECISION:
            return float(sure[told].min()), promised, number / len(order)
    return 2.0, 0.0, 0.0
