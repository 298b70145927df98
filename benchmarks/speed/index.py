"""Indexing: photos a second from files on disk to searchable, beside the bare encoder.

The same photos, already decoded, go through the encoder alone. Both take turns, a chunk each, so that other work of the
machine slows both alike. Then vectors are written and read in binary, beside Django's ORM.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.shop import add_network, data_folder

if TYPE_CHECKING:
    from search.models import Space

DEMO = Path(__file__).resolve().parents[2] / "demo" / "catalog" / "catalog.csv"
BAR = 0.85  # The share of the bare encoder's rate to reach.
CHUNK = 2  # Batches that are indexed in turn with the encoder.
ROWS = 1_000  # Vectors that are written and read at once.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalog", type=Path, nargs="?", default=DEMO, help="a CSV file that import_catalog takes")
    add_network(parser)
    parser.add_argument("--rounds", type=int, default=5, help="times that the photos are indexed (%(default)s)")


def run(options: argparse.Namespace) -> None:
    with data_folder(options.weights):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("prepare", verbosity=0)
        call_command("import_catalog", options.catalog, quiet=True)
        print(indexing_rates(options.rounds))
        print(vector_rates(options.rounds))


def indexing_rates(rounds: int) -> str:
    """Index chunks of the catalogue again and again in this process, by the function that the worker calls."""
    from catalog.models import Photo
    from search import encoders, indexing
    from search.models import Embedding, Space

    space = Space.objects.get(state=Space.State.LIVE)
    encoder = encoders.encoder_for(space)
    encoder.warm()
    size = CHUNK * indexing.BATCH
    photos = Photo.objects.order_by("pk")
    chunks = [photos[start : start + size] for start in range(0, photos.count() - size + 1, size)]
    if not chunks:
        raise SystemExit(f"The catalogue has too few photos: {size} or more are measured.")
    _index_all(space)
    bare, whole = [], []
    for _ in range(rounds):
        for chunk in chunks:
            Embedding.objects.filter(space_id=space.pk, photo_id__in=[photo.pk for photo in chunk]).delete()
            images = [encoder.open(Path(photo.file.path).read_bytes()) for photo in chunk]
            bare.append(size / _seconds(partial(encoder.encode, images)))
            whole.append(size / _seconds(partial(_index_all, space)))
    share = median(np.divide(whole, bare))
    verdict = "met" if share >= BAR else "MISSED"
    return "\n".join(
        [
            f"\n| {rounds} x {size * len(chunks)} photos, a chunk of {size} each in turn | photos/s |",
            "|---|---|",
            f"| bare encoder, decoded photos | {median(bare):.1f} |",
            f"| files on disk to searchable | {median(whole):.1f} |",
            f"| share of the bare encoder's rate | {share:.0%} ({BAR:.0%} or more: {verdict}) |",
        ]
    )


def vector_rates(rounds: int) -> str:
    """Write and read ROWS vectors in a leaf without an index, in binary and by the ORM in turn."""
    from django.db import connection

    from catalog.models import Category, Photo, Product
    from search.models import Embedding, Space
    from search.store import partitions, vectors

    live = Space.objects.get(state=Space.State.LIVE)
    space = Space.objects.create(name="written", recipe=live.recipe, dimensions=live.dimensions)
    category = Category.objects.create(slug="written", name="Written")
    product = Product.objects.create(sku="written", name="Written", category=category)
    photos = Photo.objects.bulk_create(
        Photo(product=product, file="none.jpg", sha256=f"{n:064x}", width=1, height=1) for n in range(ROWS)
    )
    leaf = partitions.Leaf(space, category.pk)
    partitions.ensure(space, [category.pk])
    ids = [photo.pk for photo in photos]
    drawn = np.random.default_rng(0).normal(size=(ROWS, space.dimensions)).astype(np.float32)
    stored = Embedding.objects.filter(space_id=space.pk)

    def write_by_orm() -> None:
        Embedding.objects.bulk_create(
            [
                Embedding(space=space, category=category, photo=photo, vector=vector)
                for photo, vector in zip(photos, drawn, strict=True)
            ],
            update_conflicts=True,
            unique_fields=["photo_id", "category_id", "space_id"],
            update_fields=["vector"],
        )

    def read_by_orm() -> None:
        np.array(stored.filter(photo_id__in=ids).values_list("vector", flat=True), np.float32)

    ways: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "in binary (search.store.vectors)": (
            lambda: vectors.write(space, [(photo_id, category.pk) for photo_id in ids], drawn),
            lambda: vectors.read(space, ids),
        ),
        "by the ORM": (write_by_orm, read_by_orm),
    }
    rates: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in ways}
    for _ in range(rounds):
        for way, (write, read) in ways.items():
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {leaf.name}")  # Rows that were deleted would slow down the others.
            for work, done in zip((write, read), rates[way], strict=True):
                done.append(ROWS / _seconds(work))
    lines = [
        f"\n| {ROWS:,} vectors of {space.dimensions:,} dimensions | written, rows/s | read, rows/s |",
        "|---|---|---|",
    ]
    for way, (written, read_) in rates.items():
        lines.append(f"| {way} | {median(written):,.0f} | {median(read_):,.0f} |")
    return "\n".join(lines)


def _index_all(space: "Space") -> None:
    from search import indexing

    while indexing.index_batch(space):
        pass


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
