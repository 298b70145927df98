"""How many photos of a category its head needs: trained on few and on more, judged on families that it has not seen.

In each category a fifth of the families is held out, anew for each seed. From the others the head learns n photos a
category, drawn at random, through ml.head_fitting.fit_classifier, as a shop's head does. A category that has fewer than
n gives all that it has, and the table says how many photos that came to.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from benchmarks import photos
from benchmarks.photos import Photos
from benchmarks.shop import add_networks
from ml.arrays import Floats, Ints
from ml.calibration import expected_calibration_error
from ml.encoder import Encoder
from ml.head_fitting import fit_classifier

EXAMPLES = """examples:
  python -m benchmarks.learning_curve shop.csv
  python -m benchmarks.learning_curve demo/catalog/catalog.csv --family family --sizes 10 20 40
  python -m benchmarks.learning_curve shop.csv --weights efficientnet_lite2:imagenet resnet50:weights/resnet50.pth
"""
HELD_OUT = 0.2  # of a category's families
LEAST = 1e-6  # no probability counts for less, so that one photo cannot make the log-loss infinite


@dataclass(frozen=True)
class Judged:
    """How one head did on the photos held out."""

    learned: int
    """Photos it learned from."""
    full: int
    """Categories that had all the photos asked for."""
    top1: float
    calibration_error: float
    log_loss: float


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.learning_curve",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    photos.add_catalog(parser)
    add_networks(parser, "efficientnet_lite2:imagenet", "efficientnet_lite0:imagenet", "resnet50:random")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[15, 30, 60, 120, 200], help="photos a category (%(default)s)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="times that families are held out (%(default)s)")
    options = parser.parse_args()
    catalogue = photos.read(options.catalog, options.family)
    headings = ("network", "photos a category", "photos in all", "categories with so many", "top-1", "ECE", "log-loss")
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for network in options.weights:
        with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
            encoder = Encoder(network.recipe(), cache=Path(folder))
            vectors = encoder.encode(tqdm(photos.opened(catalogue.files, encoder.open), network.name, len(catalogue)))
        for size in options.sizes:
            with threadpool_limits(1):  # The matrices are small: threads would wait for each other.
                found = [judged(vectors, catalogue, size, seed) for seed in range(options.seeds)]
            lines.append(f"| {network.name} | {size} | {row(found, len(catalogue.category_names))} |")
    print(f"\nMeans of {options.seeds} seeds, and in brackets their standard deviation.\n", *lines, sep="\n")


def judged(vectors: Floats, catalogue: Photos, size: int, seed: int) -> Judged:
    """A head that learned from `size` photos a category, judged on the families held out."""
    random = np.random.default_rng(seed)
    held_out = families_held_out(catalogue, random)
    test = np.flatnonzero(np.isin(catalogue.families, held_out))
    rest = random.permutation(np.setdiff1d(np.arange(len(catalogue)), test))
    chosen = [rest[catalogue.categories[rest] == category][:size] for category in np.unique(catalogue.categories)]
    train = np.concatenate(chosen)
    head = fit_classifier(vectors[train], catalogue.categories[train], catalogue.products[train], seed=seed)
    probabilities = head.probabilities(vectors[test])
    truth = np.searchsorted(head.classes, catalogue.categories[test])
    own = np.maximum(probabilities[np.arange(len(test)), truth], LEAST)
    return Judged(
        learned=len(train),
        full=sum(len(rows) == size for rows in chosen),
        top1=float(np.mean(probabilities.argmax(axis=1) == truth)),
        calibration_error=expected_calibration_error(probabilities, truth),
        log_loss=float(-np.log(own).mean()),
    )


def families_held_out(catalogue: Photos, random: np.random.Generator) -> Ints:
    """Families of each category, drawn at random: the same ones for every size and network."""
    drawn = []
    for category in np.unique(catalogue.categories):
        families = np.unique(catalogue.families[catalogue.categories == category])
        drawn.append(random.permutation(families)[: max(1, round(HELD_OUT * len(families)))])
    return np.concatenate(drawn)


def row(found: Sequence[Judged], categories: int) -> str:
    """The heads of all seeds."""
    learned, full = (np.mean([getattr(one, name) for one in found]) for name in ("learned", "full"))
    cells = [f"{learned:.0f}", f"{full:.1f} of {categories}"]
    for name in ("top1", "calibration_error", "log_loss"):
        values = [getattr(one, name) for one in found]
        cells.append(f"{np.mean(values):.3f} ({np.std(values):.3f})")
    return " | ".join(cells)


if __name__ == "__main__":
    main()
