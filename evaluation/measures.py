"""Turns answers into the numbers of a scorecard, for a category head, a gate and the similarities. Pure numpy.

Rows are queries; columns are the categories that a head tells apart, or the products of the gallery.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ml.arrays import Bools, Floats, Ints
from ml.calibration import CALIBRATION_BINS, expected_calibration_error
from ml.retrieval import average_precisions, first_ranks

CUTOFFS = (1, 5, 10, 20)
HISTOGRAM_BINS = 24


@dataclass(frozen=True)
class Bin:
    """Queries of similar confidence: one point of the reliability curve."""

    confidence: float
    accuracy: float
    queries: int


@dataclass(frozen=True)
class CategoryQuality:
    """How well a head names the category of a photo."""

    queries: int
    """Queries that a head has judged."""
    top1: float
    top2: float
    calibration_error: float
    """Expected calibration error, 0 to 1."""
    reliability: tuple[Bin, ...]
    categories: tuple[str, ...]
    """Slugs: the rows and columns of `confusion`."""
    confusion: tuple[tuple[int, ...], ...]
    """Queries by true category (row) and likeliest one (column)."""


@dataclass(frozen=True)
class GateQuality:
    """What a search behind a gate finds, and what it costs."""

    recall: dict[int, float]
    """By k: share of the queries with a wanted product among the first k answers. Empty if none wants a product."""
    mean_average_precision: float | None
    scanned: float
    """Mean share of the gallery's photos that a query is compared with."""
    categories_searched: float
    """Mean number of categories that a query searches."""


@dataclass(frozen=True)
class FirstMatches:
    """The similarities of the queries' first answers in one category, and the least similarity they suggest."""

    category: str
    right: int
    """First answers that were wanted."""
    wrong: int
    right_histogram: tuple[int, ...]
    """Counts over equal bins between the space's `similarity_range`."""
    wrong_histogram: tuple[int, ...]
    needed: int
    """Number of right first answers that it takes to suggest a min_similarity."""
    min_similarity: float | None
    """None if there are too few right ones to promise anything."""
    right_kept: float | None
    """Share of these queries' right first answers that it keeps."""
    wrong_cut: float | None
    """Share of these queries' wrong first answers that it cuts."""


def category_quality(
    probabilities: Floats, classes: Ints, truth: Ints, slugs: dict[int, str]
) -> CategoryQuality | None:
    """None where no query was judged.

    Args:
        probabilities: (q, K); a row of nan is a query that no head has judged.
        classes: (K,) category ids, ascending.
        truth: (q,) category ids; a head is wrong about those it has not learned.
    """
    judged = ~np.isnan(probabilities).any(axis=1)
    if not judged.any():
        return None
    probabilities, truth = probabilities[judged], truth[judged]
    column = np.where(np.isin(truth, classes), np.searchsorted(classes, truth), -1)
    ranked = np.argsort(-probabilities, axis=1, kind="stable")
    shown = np.union1d(truth, classes)
    confusion = np.zeros((len(shown), len(shown)), int)
    np.add.at(confusion, (np.searchsorted(shown, truth), np.searchsorted(shown, classes[ranked[:, 0]])), 1)
    return CategoryQuality(
        queries=len(truth),
        top1=float((ranked[:, 0] == column).mean()),
        top2=float((ranked[:, :2] == column[:, None]).any(axis=1).mean()),
        calibration_error=expected_calibration_error(probabilities, column),
        reliability=tuple(_reliability(probabilities.max(axis=1), ranked[:, 0] == column)),
        categories=tuple(slugs.get(category, str(category)) for category in shown.tolist()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def gate_quality(
    similarities: Floats, wanted: Bools, wanting: Bools, searched: Bools, categories: Ints, photos: Ints
) -> GateQuality:
    """Recall and precision over the queries that want a product, cost over all of them.

    Args:
        similarities: (q, P), -inf for products that must not answer.
        wanted: (q, P)
        wanting: (q,) queries that count. If the gallery lacks what one wants, it counts as not found.
        searched: (q, C) the categories that the gate lets a query into.
        categories: (P,) the column in `searched` of each product.
        photos: (C,) photos of each category.
    """
    products = searched[wanting][:, categories]
    asked = similarities[wanting], wanted[wanting], products
    ranks, precisions = first_ranks(*asked), np.nan_to_num(average_precisions(*asked))
    return GateQuality(
        recall={k: _mean(ranks <= k) for k in CUTOFFS} if wanting.any() else {},
        mean_average_precision=_mean(precisions) if wanting.any() else None,
        scanned=_mean(searched @ photos / photos.sum()),
        categories_searched=_mean(searched.sum(axis=1)),
    )


def shown_similarity(similarities: Floats) -> Floats:
    """The similarities as answers show them: cut to 0-1. Those of L2 lie there already."""
    return np.clip(similarities, 0.0, 1.0)


def least_similarity(right: Floats, keep: float, digits: int) -> float | None:
    """The greatest threshold that a further right match is expected to pass with probability `keep`, or None.

    After n similarities, the next of their kind lies below the i-th least with probability i / (n + 1), whatever
    their distribution. This is the quantile of split conformal prediction (Vovk et al. 2005; Lei et al. 2018).
    The plain 1 % quantile of 30 matches is their minimum: the next match lies below it with probability 1 in 31.
    The threshold is cut, not rounded, to the digits of an answer.
    """
    place = math.floor((1 - keep) * (len(right) + 1) + 1e-9)
    if place < 1:
        return None
    return math.floor(float(np.sort(right)[place - 1]) * 10**digits) / 10**digits


def needed(keep: float) -> int:
    """Number of right matches that `least_similarity` needs for an answer."""
    return math.ceil(1 / (1 - keep) - 1 - 1e-9)


@dataclass(frozen=True, eq=False)
class Firsts:
    """The first answers of n queries, as the histograms and the thresholds take them."""

    similarity: Floats
    """(n,) as shown"""
    right: Bools
    """(n,) whether it was wanted"""
    category: Ints
    """(n,) its category's id"""

    @property
    def extent(self) -> tuple[float, float]:
        """The ends of the histograms."""
        if not len(self.similarity):
            return 0.0, 1.0
        low, high = float(self.similarity.min()), float(self.similarity.max())
        return low, max(high, low + 1e-4)

    def by_category(self, slugs: dict[int, str], keep: float, digits: int) -> tuple[FirstMatches, ...]:
        """One entry for each category that gave a first answer, in the order of slugs."""
        present = sorted((slugs.get(pk, str(pk)), pk) for pk in np.unique(self.category).tolist())
        return tuple(self._of(slug, self.category == pk, keep, digits) for slug, pk in present)

    def _of(self, slug: str, own: Bools, keep: float, digits: int) -> FirstMatches:
        good, bad = self.similarity[own & self.right], self.similarity[own & ~self.right]
        least = least_similarity(good, keep, digits)
        return FirstMatches(
            category=slug,
            right=len(good),
            wrong=len(bad),
            right_histogram=_histogram(good, self.extent),
            wrong_histogram=_histogram(bad, self.extent),
            needed=needed(keep),
            min_similarity=least,
            right_kept=None if least is None else _mean(good >= least),
            wrong_cut=None if least is None or not len(bad) else _mean(bad < least),
        )


def _histogram(values: Floats, extent: tuple[float, float]) -> tuple[int, ...]:
    counts, _ = np.histogram(values, HISTOGRAM_BINS, extent)
    return tuple(counts.tolist())


def _reliability(confidence: Floats, correct: Bools) -> Iterator[Bin]:
    """The filled bins, as the expected calibration error cuts them."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    for number in np.unique(bins):
        own = bins == number
        yield Bin(_mean(confidence[own]), _mean(correct[own]), int(own.sum()))


def _mean(values: Floats | Ints | Bools) -> float:
    """The mean; 0 if there are no values."""
    return float(np.mean(values)) if len(values) else 0.0
