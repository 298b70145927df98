"""What a map learned from a catalogue's families is worth: families are held out whole, and look for their kin.

A catalogue is indexed, then ranked by its own vectors, by a whitened PCA of them, and by learned maps, each query by
one that never saw its family. With --queries, customers' photos look for the products they are labelled with. Then
families are drawn at random, again and again: how often would they be taken for better? Last, the time that 20,000
photos take, made up around the real ones.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.photos import add_catalog
from benchmarks.shop import add_network, data_folder, index_catalog
from ml.arrays import Ints
from ml.feature_scaling import unit
from ml.learned_projection import (
    COMPONENTS,
    DEALS,
    QUERIES,
    Evidence,
    Families,
    FamilyQueries,
    family_queries,
    fit_learned,
    folds,
    held_out,
    prove,
    ranked,
)
from ml.projection import FittedProjection, fit_projection
from ml.retrieval import NOTHING, Gallery, average_precisions, first_ranks, similarities

if TYPE_CHECKING:  # Models are imported once Django is set up.
    from search.models import Space

EXAMPLES = """examples:
  python -m benchmarks.tuning demo/catalog/catalog.csv --family family --queries demo/queries/queries.csv
  python -m benchmarks.tuning shop.csv --weights efficientnet_lite2:imagenet --draws 200
"""
SHAPE = (20_000, 3, 4)  # photos in all, photos of a product, products of a family
FAMILIES_APART, PHOTOS_APART = 0.7, 0.7  # deviations of what is made up, as shares of the real photos' own

Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Asked:
    """Customers' photos, each with the product that it is labelled with."""

    vectors: NDArray[np.float32]
    products: Ints


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tuning",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_catalog(parser)
    parser.add_argument("--queries", type=Path, help="customers' photos, as manage.py evaluate takes them, with skus")
    add_network(parser)
    parser.add_argument("--draws", type=int, default=100, help="how often families are drawn at random (%(default)s)")
    options = parser.parse_args()
    with data_folder(options.weights):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Index the catalogue, and print the tables."""
    index_catalog(options.catalog)
    from search import family_labels
    from search.models import Space

    space = Space.objects.get()
    families = family_labels.read(space, options.family, SHAPE[0])
    axes = fit_projection(families.gallery.vectors, COMPONENTS)
    print(f"\n## {options.catalog}, {space}\n\n{catalogue(families, axes)}")
    if options.queries:
        print(f"\n### {options.queries}\n\n{customers(families, axes, encoded(space, options.queries))}")
    print(f"\n{prove(families, axes, 'cosine')}.")
    print(f"\n{of_shuffled(families, axes, options.draws)}")
    print(f"\n{timed(families)}")


def catalogue(families: Families, axes: FittedProjection) -> str:
    """Product photos look for their kin."""
    asked = family_queries(families, QUERIES)
    whitened = fit_projection(families.gallery.vectors, COMPONENTS, whiten=True)
    learned = np.mean([held_out(families.along(axes), asked, "cosine", deal) for deal in range(DEALS)], axis=0)
    rows = {
        "as it is": ranked(asked, families.gallery, "cosine"),
        f"PCA {COMPONENTS} whitened": ranked(asked, mapped(families.gallery, whitened), "cosine"),
        f"tuned {COMPONENTS}": learned,
        f"tuned {COMPONENTS}, on families drawn at random": held_out_drawn(families, axes, asked),
    }
    return f"{len(asked)} photos look for their kin.\n\n{table(rows)}"


def held_out_drawn(families: Families, axes: FittedProjection, asked: FamilyQueries) -> Shares:
    """The true families are held out and looked for; of the others, the products of a category change families."""
    results = np.zeros((len(asked), 3))
    for deal in range(DEALS):
        for held in folds(asked.numbers, deal):
            about = np.isin(asked.numbers, held)
            fitted = fit_learned(families.without(held).shuffled(deal), axes)
            results[about] += ranked(asked.among(about), mapped(families.gallery, fitted), "cosine") / DEALS
    return results


def customers(families: Families, axes: FittedProjection, asked: Asked) -> str:
    """Customers' photos look for their products; a learned map knows neither the families nor the photos that ask."""
    whitened = fit_projection(families.gallery.vectors, COMPONENTS, whiten=True)
    told = replace(families, told=asked.vectors, told_products=asked.products)
    rows = {
        "as it is": found(asked, families.gallery),
        f"PCA {COMPONENTS} whitened": found(asked, families.gallery, whitened),
        f"tuned {COMPONENTS}": held_out_found(families, axes, asked),
        f"tuned {COMPONENTS}, on customers' photos as well": held_out_found(told, axes, asked),
    }
    return f"{len(asked.products)} photos look for their products.\n\n{table(rows)}"


def held_out_found(families: Families, axes: FittedProjection, asked: Asked) -> Shares:
    numbers = families.of(asked.products)
    results = np.zeros((len(numbers), 3))
    for deal in range(DEALS):
        for held in folds(families.numbers, deal):
            about = np.isin(numbers, held)
            few = Asked(asked.vectors[about], asked.products[about])
            fitted = fit_learned(families.without(held), axes)
            results[about] += found(few, families.gallery, fitted) / DEALS
    return results


def found(asked: Asked, gallery: Gallery, fitted: FittedProjection | None = None) -> Shares:
    """(q, 3): whether the product is first, whether it is among the first 10, and the average precision."""
    vectors = fitted.apply(asked.vectors, normalize=True) if fitted else asked.vectors
    gallery = mapped(gallery, fitted) if fitted else gallery
    scores = similarities(vectors, gallery, "cosine", np.full(len(vectors), NOTHING))
    wanted = asked.products[:, None] == gallery.product_ids
    ranks = first_ranks(scores, wanted, np.ones_like(wanted))
    return np.stack([ranks <= 1, ranks <= 10, average_precisions(scores, wanted, np.ones_like(wanted))], axis=1)


def mapped(gallery: Gallery, fitted: FittedProjection) -> Gallery:
    return replace(gallery, vectors=fitted.apply(gallery.vectors, normalize=True))


def encoded(space: "Space", path: Path) -> Asked:
    """The labelled photos of a CSV file; each shows one product."""
    from evaluation.queries import read_labels
    from search import encoders

    labels = [label for label in read_labels(path, QUERIES, 0) if label.products]
    encoder = encoders.encoder_for(space)
    vectors = encoder.encode(encoder.open(label.file.read_bytes()) for label in labels)
    return Asked(vectors, np.array([min(label.products) for label in labels]))


def of_shuffled(families: Families, axes: FittedProjection, draws: int) -> str:
    """How often families of products drawn at random within a category are taken for better."""
    seen: list[Evidence] = [prove(families.shuffled(1_000 + n), axes, "cosine", seed=n) for n in range(draws)]
    gains, deviations = [one.gain for one in seen], [one.deviations or 0.0 for one in seen]
    ps = [one.p for one in seen]
    return (
        f"Families drawn at random, {draws} times: {sum(one.is_better for one in seen)} taken for better; "
        f"{sum(p < 0.05 for p in ps)} have a p below 0.05, {sum(p < 0.01 for p in ps)} below 0.01. "
        f"The largest gain is {max(gains):.3f}, and the most deviations are {max(deviations):.1f}."
    )


def timed(families: Families) -> str:
    """The time to fit and prove a map of 20,000 photos."""
    many = made_up(families)
    start = time.perf_counter()
    axes = fit_projection(many.gallery.vectors, COMPONENTS)
    fit_learned(many, axes)
    fitted = time.perf_counter()
    prove(many, axes, "cosine")
    photos, dimensions = many.gallery.vectors.shape
    return (
        f"{photos:,} photos of {dimensions:,} dimensions: {fitted - start:.1f} s to fit, "
        f"{time.perf_counter() - fitted:.1f} s to prove."
    )


def made_up(families: Families) -> Families:
    """Products and families around mixtures of the real photos."""
    count, photos, members = SHAPE
    random, real = np.random.default_rng(0), families.gallery.vectors
    products = np.arange(count) // photos
    numbers = np.unique(products) // members
    one, other = random.integers(len(real), size=(2, numbers[-1] + 1))
    spread = real.std(axis=0)
    product = random.standard_normal((len(numbers), real.shape[1]), np.float32) * FAMILIES_APART * spread
    centres = (real[one] + real[other])[numbers] + product
    vectors = centres[products] + random.standard_normal((count, real.shape[1]), np.float32) * PHOTOS_APART * spread
    gallery = Gallery(unit(vectors).astype(np.float32), np.arange(count), products, np.zeros(count, np.int64))
    return replace(families, gallery=gallery, numbers=numbers, told=families.told[:0], told_products=numbers[:0])


def table(rows: dict[str, Shares]) -> str:
    lines = ["| vectors | R@1 | R@10 | mAP |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {' | '.join(f'{share:.3f}' for share in shares.mean(axis=0))} |" for name, shares in rows.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
