"""A catalogue's photos, read straight from its CSV file, for benchmarks that need vectors and no shop."""

import argparse
import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml.arrays import Floats, Ints
from ml.images import open_photo
from ml.retrieval import first_ranks


@dataclass(frozen=True, eq=False)
class Photos:
    """n photos and what they show. Products, categories and families are numbered from 0."""

    files: tuple[Path, ...]
    products: Ints
    """(n,) ascending"""
    categories: Ints
    """(n,)"""
    families: Ints
    """(n,) a family is within one category"""
    skus: tuple[str, ...]
    """(P,) the products, by their numbers"""
    category_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def firsts(self) -> Ints:
        """(P,) the row of each product's first photo."""
        return np.unique(self.products, return_index=True)[1]

    def among(self, rows: Ints) -> "Photos":
        """These rows only; the numbers stay."""
        chosen = (self.products[rows], self.categories[rows], self.families[rows])
        files = tuple(self.files[row] for row in rows)
        return replace(self, files=files, products=chosen[0], categories=chosen[1], families=chosen[2])

    def recall_of_families(self, vectors: Floats, count: int = 10) -> float:
        """The share of the products that find one of their family among the first `count`, all categories searched.

        As in the scorecard with --family, each product's first photo asks and the product itself does not answer.
        Products without kin do not count. `vectors` are (n, d), of length 1.
        """
        best = np.maximum.reduceat(vectors[self.firsts] @ vectors.T, self.firsts, axis=1)
        families, others = self.families[self.firsts], ~np.eye(len(self.firsts), dtype=bool)
        wanted = (families[:, None] == families) & others
        ranks = first_ranks(best, wanted, others)[wanted.any(axis=1)]
        return float(np.mean(ranks <= count))

    def recall_of_products(self, queries: Floats, wanted: Iterable[str], vectors: Floats, count: int = 10) -> float:
        """The share of the queries, (q, d), that find the product of their sku among the first `count`."""
        best = np.maximum.reduceat(queries @ vectors.T, self.firsts, axis=1)
        hits = np.array(self.skus) == np.array(list(wanted))[:, None]
        return float(np.mean(first_ranks(best, hits, np.ones_like(hits)) <= count))


def read(catalog: Path, family: str) -> Photos:
    """The photos of a CSV file with sku, category, image and the column `family`. Ends the program without them."""
    with catalog.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if missing := {"sku", "category", "image", family} - (rows[0].keys() if rows else set()):
        raise SystemExit(f"{catalog} has no column {', '.join(sorted(missing))}: name the family's with --family.")
    files, products = [], []
    for number, row in enumerate(rows):
        for name in row["image"].split("|"):
            files.append(catalog.parent / name)
            products.append(number)
    names, categories = np.unique([row["category"] for row in rows], return_inverse=True)
    kin = [f"{row['category']} {row[family]}" for row in rows]
    families = np.unique(kin, return_inverse=True)[1]
    owners = np.array(products)
    skus = tuple(row["sku"] for row in rows)
    return Photos(tuple(files), owners, categories[owners], families[owners], skus, tuple(names.tolist()))


def customers(queries: Path) -> tuple[list[Path], list[str]]:
    """The files of a CSV file with image and sku, and the products that they show."""
    with queries.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [queries.parent / row["image"] for row in rows], [row["sku"] for row in rows]


def opened(files: Iterable[Path], decode: Callable[[bytes], Image.Image] = open_photo) -> Iterable[Image.Image]:
    """The photos, each decoded when it is asked for."""
    return (decode(file.read_bytes()) for file in files)


def add_catalog(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark take a catalogue and the column of its families."""
    parser.add_argument("catalog", type=Path, help="a CSV file with sku, category and image")
    parser.add_argument("--family", default="name", help="column that products of one family share (%(default)s)")


Pixels = NDArray[np.uint8]
