"""A projection learned from families: products of one family, and photos of one product, come closer together.

It is within-class covariance normalisation (Hatch and others 2006) of principal components: directions in which the
members of a family differ are scaled down. Like PCA it is affine, so stored vectors are projected and no photo is read.
`prove` says whether it finds families better that it never saw.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Floats, Ints
from ml.feature_scaling import unit
from ml.projection import SMALLEST_DEVIATION, FittedProjection
from ml.retrieval import Gallery, Metric, average_precisions, first_ranks, similarities
from ml.sampling import sampled

# Principal components that the map keeps unless somebody asks for another number. More raise R@1 on real furniture, but
# not R@10, and take more disk.
COMPONENTS = 128
# The scatter within families is blended with that of all photos (whitened PCA alone) and with one that is equal in all
# directions (plain PCA alone): a few hundred photos do not tell it in 128 directions.
TOTAL_SHARE, IDENTITY_SHARE = 0.1, 0.2
# Where all gain alike, 17 of 20 families must gain to come below MAX_P (the sign test), and of 9 families all.
LEAST_FAMILIES = 20
# Families are dealt into folds several times, and a query's results averaged: the deal alone moves the gain by a point.
FOLDS, DEALS = 5, 3
QUERIES = 1_000
FLIPS = 9_999  # The least p is 1 in 10,000.
MAX_P, LEAST_GAIN = 0.002, 0.01  # p is below MAX_P
# A map is a little of a whitened PCA, and so may gain a little whatever it is told. With the families given it must
# gain more than with families drawn at random: by so many standard deviations of SHUFFLES draws. A draw needs fewer
# queries.
SHUFFLES, LEAST_DEVIATIONS, SHUFFLED_QUERIES = 20, 5.0, 200
ROUNDING = 1e-12  # Sums of the same numbers in another order differ by less.
UNKNOWN = -1  # instead of a family's number


class TooFewFamilies(Exception):  # noqa: N818  it names the state of the catalogue
    """Fewer than LEAST_FAMILIES families have two products, or a product with two photos."""


class NothingToLearn(Exception):  # noqa: N818  as above
    """No two photos of a family differ."""

    def __init__(self) -> None:
        super().__init__("the photos of a family do not differ, so there is nothing to learn from them")


@dataclass(frozen=True, eq=False)
class Families:
    """What a map is learned from and proven on."""

    gallery: Gallery
    """All of the catalogue's photos that are looked at; each product's first photo comes first."""
    numbers: Ints
    """(P,) each product's family, or UNKNOWN. A product without kin is a family of its own."""
    told: NDArray[np.float32]
    """(m, d) customers' photos. They are learned from, and prove nothing."""
    told_products: Ints
    """(m,) ids of the products in the gallery that the customers chose"""

    def without(self, held: Ints) -> Self:
        """The same photos; of the families whose numbers are `held` nothing is known any more."""
        return replace(self, numbers=np.where(np.isin(self.numbers, held), UNKNOWN, self.numbers))

    def along(self, axes: FittedProjection) -> Self:
        """The same photos, their vectors projected onto the axes and not normalised."""
        gallery, told = (axes.apply(vectors, normalize=False) for vectors in (self.gallery.vectors, self.told))
        return replace(self, gallery=replace(self.gallery, vectors=gallery), told=told)

    def shuffled(self, seed: int) -> Self:
        """The products of a category change families; each keeps its photos, and families their sizes."""
        random, numbers = np.random.default_rng(seed), self.numbers.copy()
        for category in np.unique(self.gallery.product_categories):
            places = np.flatnonzero((self.gallery.product_categories == category) & (numbers != UNKNOWN))
            numbers[places] = random.permutation(numbers[places])
        return replace(self, numbers=numbers)

    def of(self, products: Ints) -> Ints:
        """The families of products in the gallery, given by their ids."""
        return self.numbers[np.searchsorted(self.gallery.product_ids, products)]


@dataclass(frozen=True, eq=False)
class FamilyQueries:
    """q catalogue photos, each of which looks for its product's kin; without kin, for the product's other photos."""

    rows: Ints
    """(q,) rows of the gallery"""
    numbers: Ints
    """(q,) their families"""
    wanted: Bools
    """(q, P)"""
    searched: Bools
    """(q, P) all products but one's own, where others are looked for"""

    def __len__(self) -> int:
        return len(self.rows)

    def among(self, chosen: Bools) -> Self:
        """Those that are `chosen`, (q,)."""
        return replace(self, **{name: part[chosen] for name, part in vars(self).items()})


@dataclass(frozen=True)
class Ranking:
    """How well the queries are answered: all shares, 0 to 1."""

    recall_at_1: float
    recall_at_10: float
    mean_average_precision: float


@dataclass(frozen=True)
class Evidence:
    """How a learned map ranks families that it did not see, beside the vectors that it was learned from."""

    queries: int
    families: int
    before: Ranking
    after: Ranking
    p: float
    """The chance to gain as much in mean average precision if the map were no better, 0 to 1."""
    deviations: float | None
    """By how many standard deviations the gain exceeds that with families drawn at random; None without kin to draw."""

    @property
    def gain(self) -> float:
        """In mean average precision."""
        return self.after.mean_average_precision - self.before.mean_average_precision

    @property
    def is_better(self) -> bool:
        stands_out = self.deviations is None or self.deviations >= LEAST_DEVIATIONS
        return self.p < MAX_P and self.gain >= LEAST_GAIN and stands_out

    def __str__(self) -> str:
        before, after = (ranking.mean_average_precision for ranking in (self.before, self.after))
        above = "" if self.deviations is None else f", {self.deviations:.1f} deviations above families drawn at random"
        return (
            f"mean average precision {before:.3f} → {after:.3f} where {self.queries} photos of {self.families} "
            f"families, held out whole, look for their kin; p = {self.p:.4f}{above}"
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        return cls(**data | {name: Ranking(**data[name]) for name in ("before", "after")})


def fit_learned(families: Families, axes: FittedProjection) -> FittedProjection:
    """The map learned from all families: principal axes of the catalogue's photos, turned and scaled.

    Args:
        axes: PCA of the gallery's vectors, not whitened (ml.projection.fit_projection).

    Raises NothingToLearn.
    """
    matrix = axes.components @ _learned(families.along(axes))
    return replace(axes, components=np.ascontiguousarray(matrix, np.float32), whiten=True)


def prove(families: Families, axes: FittedProjection, metric: Metric, seed: int = 0) -> Evidence:
    """Compare the learned map with the gallery's own vectors, on families that it was not learned from.

    Families are held out whole, a fold at a time: neither their photos nor their customers' are learned from. All
    photos shape the axes, as they will when it serves. A query ranks the whole gallery.

    Args:
        axes: as fit_learned takes them.
        seed: draws the queries, where they are more than QUERIES, deals the folds and shuffles.

    Raises TooFewFamilies and NothingToLearn.
    """
    asked = family_queries(families, QUERIES, seed)
    count = len(np.unique(asked.numbers))
    if count < LEAST_FAMILIES:
        raise TooFewFamilies(
            f"{count} families have two products, or a product with two photos; "
            f"{LEAST_FAMILIES} are needed to tell a better map from chance"
        )
    before = ranked(asked, families.gallery, metric)
    along = families.along(axes)
    after = np.mean([held_out(along, asked, metric, seed + deal) for deal in range(DEALS)], axis=0)
    gains = after[:, 2] - before[:, 2]
    deviations = None
    if len(np.unique(families.numbers)) < len(families.numbers):
        drawn = [_gain_when_shuffled(families, along, metric, seed + number) for number in range(SHUFFLES)]
        deviations = float((gains.mean() - np.mean(drawn)) / max(np.std(drawn, ddof=1), ROUNDING))
    p = sign_flip_p(gains, asked.numbers, seed)
    return Evidence(len(asked), count, _ranking(before), _ranking(after), p, deviations)


def _ranking(results: Floats) -> Ranking:
    at_1, at_10, precision = results.mean(axis=0).tolist()
    return Ranking(at_1, at_10, precision)


def held_out(along: Families, asked: FamilyQueries, metric: Metric, deal: int) -> NDArray[np.float64]:
    """(q, 3) as `ranked`: each query by a map that was learned without its family.

    Args:
        along: vectors along principal axes.
        deal: the seed that deals the families into folds.
    """
    results = np.empty((len(asked), 3))
    for held in folds(asked.numbers, deal):
        vectors = along.gallery.vectors @ _learned(along.without(held)).astype(np.float32)
        mapped = unit(vectors) if metric == "cosine" else vectors
        about = np.isin(asked.numbers, held)
        results[about] = ranked(asked.among(about), replace(along.gallery, vectors=mapped), metric)
    return results


def _gain_when_shuffled(families: Families, along: Families, metric: Metric, seed: int) -> float:
    """The gain in mean average precision where families of products drawn at random are learned and looked for.

    If the families given are such a draw themselves, their gain is one of many alike.
    """
    shuffled = along.shuffled(seed)
    asked = family_queries(shuffled, SHUFFLED_QUERIES, seed)
    gains = held_out(shuffled, asked, metric, seed) - ranked(asked, families.gallery, metric)
    return float(gains[:, 2].mean())


def family_queries(families: Families, most: int, seed: int = 0) -> FamilyQueries:
    """The first photo of each product that has kin or several photos asks; of more than `most`, a random sample."""
    gallery = families.gallery
    _, first, photos = np.unique(gallery.products, return_index=True, return_counts=True)
    numbers = families.numbers
    _, family, members = np.unique(numbers, return_inverse=True, return_counts=True)
    has_kin = members[family] > 1
    asking = sampled(np.flatnonzero((numbers != UNKNOWN) & (has_kin | (photos > 1))), most, seed)
    is_own = gallery.product_ids[asking][:, None] == gallery.product_ids
    searched = ~(is_own & has_kin[asking][:, None])
    wanted = (numbers[asking][:, None] == numbers) & searched
    return FamilyQueries(first[asking], numbers[asking], wanted, searched)


def folds(numbers: Ints, seed: int) -> Iterator[Ints]:
    """Deal the families, each with its number, into FOLDS parts at random."""
    dealt = np.random.default_rng(seed).permutation(np.unique(numbers))
    return (dealt[start::FOLDS] for start in range(FOLDS))


def ranked(asked: FamilyQueries, gallery: Gallery, metric: Metric) -> NDArray[np.float64]:
    """(q, 3): whether a wanted product is first, whether one is among the first 10, and the average precision."""
    found = similarities(gallery.vectors[asked.rows], gallery, metric, gallery.photos[asked.rows])
    ranks = first_ranks(found, asked.wanted, asked.searched)
    return np.stack([ranks <= 1, ranks <= 10, average_precisions(found, asked.wanted, asked.searched)], axis=1)


def sign_flip_p(gains: Floats, numbers: Ints, seed: int = 0) -> float:
    """The one-sided p of the mean of the gains, (q,), by a sign-flip test; the signs of a family flip together."""
    totals = np.bincount(np.unique(numbers, return_inverse=True)[1], gains)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (FLIPS, len(totals)))
    return float((1 + (signs @ totals >= totals.sum() - ROUNDING).sum()) / (FLIPS + 1))


def _learned(families: Families) -> NDArray[np.float64]:
    """(k, k) what the vectors, along principal axes, are multiplied by."""
    vectors = np.concatenate([families.gallery.vectors, families.told])
    within = _scatter(vectors, families.of(np.concatenate([families.gallery.products, families.told_products])))
    variances = families.gallery.vectors.var(axis=0, dtype=np.float64)
    level = np.trace(within)
    if level <= SMALLEST_DEVIATION**2 * variances.sum():
        raise NothingToLearn
    blended = (1 - TOTAL_SHARE - IDENTITY_SHARE) * within
    blended += np.diag(level * (TOTAL_SHARE * variances / variances.sum() + IDENTITY_SHARE / len(variances)))
    spread, directions = np.linalg.eigh(blended)
    scaled: NDArray[np.float64] = directions / np.sqrt(spread)
    return scaled


def _scatter(vectors: Floats, numbers: Ints) -> NDArray[np.float64]:
    """(k, k) the pooled covariance of the vectors around the mean of their family."""
    order = np.argsort(numbers, kind="stable")
    order = order[np.searchsorted(numbers[order], UNKNOWN, side="right") :]
    rows = vectors[order].astype(np.float64)
    _, starts, sizes = np.unique(numbers[order], return_index=True, return_counts=True)
    means = np.add.reduceat(rows, starts) / sizes[:, None]
    apart = rows - np.repeat(means, sizes, axis=0)
    scatter: NDArray[np.float64] = apart.T @ apart / max(1, len(rows) - len(sizes))
    return scatter
