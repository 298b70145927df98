"""Ranks a gallery of product photos in memory and measures the ranks. Tuning and evaluation share this.

A query finds products, not photos: each product counts by its best photo. Queries are rows; products are columns in
ascending order of their ids. Matrices of queries and products are worked through in blocks of bounded memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Floats, Ints

Metric = Literal["cosine", "l2"]

NOTHING = -1  # instead of the id of a photo that is struck from a query's answer
BLOCK = 8_000_000  # entries worked on at once: 32 MB as float32


@dataclass(frozen=True, eq=False)
class Gallery:
    """The photos that answers are made of. Raises ValueError when one product has photos in two categories."""

    vectors: NDArray[np.float32]
    """(n, d)"""
    photos: Ints
    """(n,) ids without repeats"""
    products: Ints
    """(n,) ids of the photos' products"""
    categories: Ints
    """(n,) ids of the products' categories"""
    product_ids: Ints = field(init=False)
    """(P,) ascending: the columns of every answer"""
    product_categories: Ints = field(init=False)
    """(P,)"""

    def __post_init__(self) -> None:
        ids, first, columns = np.unique(self.products, return_index=True, return_inverse=True)
        if (self.categories != self.categories[first][columns]).any():
            raise ValueError("a product has photos in two categories: label photos by their product's category")
        object.__setattr__(self, "product_ids", ids)
        object.__setattr__(self, "product_categories", self.categories[first])

    def among(self, rows: Ints) -> "Gallery":
        """The gallery of these rows alone."""
        return Gallery(self.vectors[rows], self.photos[rows], self.products[rows], self.categories[rows])


def similarities(queries: Floats, gallery: Gallery, metric: Metric, struck: Ints) -> NDArray[np.float32]:
    """(q, P) every query's similarity to every product's best photo; -inf where a product has no photo left.

    Args:
        queries: (q, d), unit vectors if the metric is cosine.
        metric: "cosine" gives the dot product, -1 to 1; "l2" gives 1 / (1 + distance), 0 to 1.
        struck: (q,) the id of one photo that must not answer the query, such as the one asked, or NOTHING.
    """
    by_product = np.argsort(gallery.products, kind="stable")
    photos = gallery.vectors[by_product]
    starts = np.searchsorted(gallery.products[by_product], gallery.product_ids)
    places = dict(zip(gallery.photos[by_product].tolist(), range(len(photos)), strict=True))
    best = np.empty((len(queries), len(gallery.product_ids)), np.float32)
    for block in _blocks(len(queries), len(photos)):
        scores = _compare(queries[block], photos, metric)
        for row, photo in enumerate(struck[block].tolist()):
            if photo in places:
                scores[row, places[photo]] = -np.inf
        np.maximum.reduceat(scores, starts, axis=1, out=best[block])
    return best


def first_ranks(similarities: Floats, wanted: Bools, searched: Bools) -> Floats:
    """(q,) the 1-based rank of each query's first wanted product among the searched ones; inf when none is found.

    Equal similarities rank by the order of the products. All arguments are (q, P).
    """
    ranks = np.full(len(similarities), np.inf)
    order = np.arange(similarities.shape[1])
    for block in _blocks(*similarities.shape):
        scores = np.where(searched[block], similarities[block], -np.inf)
        hits = np.where(wanted[block], scores, -np.inf)
        first = hits.argmax(axis=1)[:, None]
        best = np.take_along_axis(hits, first, axis=1)
        ahead = ((scores > best) | ((scores == best) & (order < first))).sum(axis=1)
        ranks[block] = np.where(np.isneginf(best[:, 0]), np.inf, 1 + ahead)
    return ranks


def average_precisions(similarities: Floats, wanted: Bools, searched: Bools) -> Floats:
    """(q,) the average precision of each query's whole ranking; nan where nothing is wanted.

    A wanted product outside the searched ones counts as missed. One without a photo left (-inf) is not in the gallery
    and does not count. Equal similarities rank by the order of the products. All arguments are (q, P).
    """
    precisions = np.full(len(similarities), np.nan)
    places = np.arange(1, similarities.shape[1] + 1)
    for block in _blocks(*similarities.shape):
        scores = np.where(searched[block], similarities[block], -np.inf)
        order = np.argsort(-scores, axis=1, kind="stable")
        there = wanted[block] & ~np.isneginf(similarities[block])
        hits = np.take_along_axis(there & searched[block], order, axis=1)
        gained = (hits * np.cumsum(hits, axis=1) / places).sum(axis=1)
        count = there.sum(axis=1)
        precisions[block] = np.divide(gained, count, out=np.full(len(count), np.nan), where=count > 0)
    return precisions


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows that hold about BLOCK entries each."""
    size = max(1, BLOCK // max(1, columns))
    return (slice(start, start + size) for start in range(0, rows, size))


def _compare(queries: Floats, photos: NDArray[np.float32], metric: Metric) -> NDArray[np.float32]:
    """(q, n) the similarity of every query to every photo."""
    products: NDArray[np.float32] = queries.astype(np.float32, copy=False) @ photos.T
    if metric == "cosine":
        return products
    squares = np.square(queries).sum(axis=1)[:, None] + np.square(photos).sum(axis=1) - 2 * products
    closeness: NDArray[np.float32] = 1 / (1 + np.sqrt(np.maximum(squares, 0)))
    return closeness
