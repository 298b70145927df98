"""Whether the head learns from customers' photos whose category they named, and how much.

The catalogue is imported and indexed as in a shop. Its customers' photos are dealt into five parts. The head learns
from labels of some of the photos of four parts and judges the fifth, so that it never judges a photo that it saw.
"""

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from benchmarks.shop import arguments, data_folder, stock

if TYPE_CHECKING:
    from search.models import Query, Space

EXAMPLES = """example:
  python -m benchmarks.feedback demo/catalog/catalog.csv demo/queries/queries.csv \\
      --weights efficientnet_lite2:imagenet resnet50:weights/resnet50.pth resnet50:random
"""
PARTS = 5


def main() -> None:
    parser = arguments("python -m benchmarks.feedback", __doc__, EXAMPLES)
    parser.add_argument("queries", type=Path, help="a CSV file with image and category: customers' photos")
    parser.add_argument("--labels", nargs="+", type=int, default=[0, 30, 60, 120], help="label counts (%(default)s)")
    parser.add_argument("--random", type=float, default=0.0, help="share of the labels drawn at random (%(default)s)")
    options = parser.parse_args()
    with data_folder(options.weights[0]):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Print a row for each space and number of labels."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from catalog.models import Category
    from ml.images import open_photo
    from search import encoders
    from search.models import Space

    settings.LEARN_FROM_FEEDBACK = True
    stock(options)
    ids = dict(Category.objects.values_list("slug", "pk"))
    with options.queries.open(newline="") as file:
        rows = list(csv.DictReader(file))
    photos = [open_photo((options.queries.parent / row["image"]).read_bytes()) for row in rows]
    categories = np.array([ids[row["category"]] for row in rows])
    print("\n| space | labels | category right, customers | ECE | called unknown | category right, catalogue |")
    print("|---|---|---|---|---|---|")
    for space in Space.objects.all():
        call_command("index", space=space.name, share=1.0, verbosity=0)
        vectors = encoders.encoder_for(space).encode(photos)
        for count in options.labels:
            cells = judged(space, vectors, categories, count, options.random)
            print(f"| {space.summary} | {count} | {' | '.join(f'{cell:.3f}' for cell in cells)} |", flush=True)


def judged(
    space: "Space", vectors: np.ndarray, categories: np.ndarray, count: int, random: float
) -> tuple[float, float, float, float]:
    """On photos that the head has not seen: category right, calibration error, unknown; then right in the catalogue."""
    from ml.calibration import expected_calibration_error
    from ml.classifier import Classifier
    from search import head_training
    from search.models import Query

    drawn = np.random.default_rng(0)
    part = drawn.permutation(len(vectors)) % PARTS
    told = categories.copy()
    lies = drawn.random(len(told)) < random
    told[lies] = drawn.permutation(categories)[lies]
    found, unknown, catalogue = [], [], []
    for held_out in range(PARTS):
        Query.objects.all().delete()
        others = drawn.permutation(np.flatnonzero(part != held_out))[:count]
        Query.objects.bulk_create(label(space, vectors[row], int(told[row])) for row in others)
        trained = head_training.train(space)
        assert trained is not None
        head = Classifier.from_bytes(bytes(trained.weights))
        rows = np.flatnonzero(part == held_out)
        found.append((rows, head.probabilities(vectors[rows])))
        unknown.append(head.is_unknown(vectors[rows]))
        catalogue.append(head.metrics.top1)
    rows, probabilities = (np.concatenate(parts) for parts in zip(*found, strict=True))
    truth = np.searchsorted(head.classes, categories[rows])
    right = float(np.mean(probabilities.argmax(axis=1) == truth))
    error = expected_calibration_error(probabilities, truth)
    return right, error, float(np.concatenate(unknown).mean()), float(np.mean(catalogue))


def label(space: "Space", vector: np.ndarray, category: int) -> "Query":
    """A photo search whose customer named the category."""
    from search.models import Query

    return Query(
        id=uuid4(),
        kind=Query.Kind.PHOTO,
        space=space,
        mode="override",
        searched=[category],
        category_id=category,
        ms=0,
        results=0,
        vector=vector,
    )


if __name__ == "__main__":
    main()
