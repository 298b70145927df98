"""How many dimensions a shop needs: what is found, what it takes on disk and how long a search takes, by PCA dimension.

The projections are fitted on real vectors: those of the catalogue's photos and of random crops of them. R@10 is that
of the catalogue's families, each product left out of its own results and all categories searched. Disk and time are
those of one category of --photos photos in PostgreSQL, each dimension a space of its own. Its vectors are the crops',
filled up with crops that are changed as two crops of another photo differ. Half of the queries are crops that are not
stored, the other half mixtures of two stored vectors. The spaces take turns, and their indexes are built and checked
as in a shop.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import photos
from benchmarks.photos import Photos
from benchmarks.scale import FIRST, RC, SECOND
from benchmarks.shop import Network, data_folder
from benchmarks.vectors import CHUNK, add_products, mixtures
from ml.arrays import Floats, Ints
from ml.encoder import Encoder
from ml.feature_scaling import unit
from ml.projection import FittedProjection, fit_projection

if TYPE_CHECKING:  # Models are imported once Django is set up.
    from search.models import Space

EXAMPLES = """examples:
  python -m benchmarks.dimensions demo/catalog/catalog.csv --family family
  python -m benchmarks.dimensions shop.csv --weights resnet50:weights/resnet50.pth --plot docs/images/dimensions.png
"""
COMPONENTS = (512, 256, 128, 64, 32)
WHITENED = 128
LIMIT = 20  # products that a search asks for
SHOP = 100_000  # photos that the megabytes are given for
BLOCK = 25  # queries that a space answers in its turn: its pages are in the processor's caches then
SMALLEST_CROP = 0.6  # of a photo's sides


@dataclass(frozen=True)
class Shortened:
    """Vectors after one projection, or before any."""

    name: str
    dimensions: int
    projection: FittedProjection | None

    def of(self, vectors: Floats) -> Floats:
        return vectors if self.projection is None else self.projection.apply(vectors, normalize=True)


@dataclass(frozen=True)
class Facts:
    """What one number of dimensions comes to."""

    shortened: Shortened
    recall: float
    vector_bytes: float
    """A photo, as measured on disk with the row and its page."""
    index_bytes: float
    milliseconds: tuple[float, float]
    """The median and the 95th percentile of a search."""
    checked_recall: float
    """recall@20 of the index against exact scans, by its own check."""

    @property
    def megabytes(self) -> float:
        """Of a shop of SHOP photos, vectors and index."""
        return SHOP * (self.vector_bytes + self.index_bytes) / 1e6

    def row(self) -> str:
        p50, p95 = self.milliseconds
        return (
            f"| {self.shortened.name} | {self.recall:.3f} | {self.vector_bytes:,.0f} + {self.index_bytes:,.0f}"
            f" | {self.megabytes:,.0f} | {p50:.2f} | {p95:.2f} | {self.checked_recall:.3f} |"
        )


HEADINGS = (
    "dimensions",
    "R@10",
    "bytes a photo: vector + index",
    f"{SHOP:,} photos, MB",
    "a search, p50 ms",
    "p95 ms",
    "recall@20 of the index",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.dimensions",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    photos.add_catalog(parser)
    parser.add_argument(
        "--weights",
        type=Network.from_text,
        metavar="NETWORK",
        default=Network("efficientnet_lite2", "imagenet"),
        help="BACKBONE:WEIGHTS, or only the weights of a resnet50 (efficientnet_lite2:imagenet)",
    )
    parser.add_argument("--photos", type=int, default=20_000, help="photos of the category (%(default)s)")
    parser.add_argument("--crops", type=int, default=5_000, help="real vectors among them (%(default)s)")
    parser.add_argument("--queries", type=int, default=150, help="searches of each kind (%(default)s)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a PNG to draw into")
    options = parser.parse_args()
    catalogue = photos.read(options.catalog, options.family)
    with data_folder():
        found = measure(options, catalogue)
    print(f"\n| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|", *(facts.row() for facts in found), sep="\n")
    if options.plot:
        draw(found, options.plot)


def measure(options: argparse.Namespace, catalogue: Photos) -> list[Facts]:
    """Make the vectors and a space for each number of dimensions, then have the spaces search in turn."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    own, crops, owners, asked = real_vectors(options, catalogue)
    every = [*shortenings(np.concatenate([own, crops]))]
    stored = np.concatenate([crops, filling(crops, owners, options.photos - len(crops))])
    queries = np.concatenate([asked, mixtures(stored, options.queries)])
    queries = queries.reshape(2, -1, queries.shape[1]).swapaxes(0, 1).reshape(queries.shape)  # Both kinds in turn.
    call_command("migrate", verbosity=0)
    spaces = stock(every, stored)
    with connection.cursor() as cursor:  # Autovacuum would have done so by now. It must not run beside searches.
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    times = race(spaces, [shortened.of(queries) for shortened in every])
    return [
        facts_of(shortened, space, seconds, catalogue.recall_of_families(shortened.of(own)), len(stored))
        for shortened, space, seconds in zip(every, spaces, times, strict=True)
    ]


def real_vectors(options: argparse.Namespace, catalogue: Photos) -> tuple[Floats, Floats, Ints, Floats]:
    """The catalogue's vectors, those of crops with the rows of the photos they are of, and those of further crops."""
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
        encoder = Encoder(options.weights.recipe(), cache=Path(folder))
        own = encoder.encode(photos.opened(catalogue.files, encoder.open))
        random = np.random.default_rng(0)
        owners = random.permutation(np.arange(options.crops + options.queries) % len(catalogue))
        cut = (crop(encoder.open(catalogue.files[row].read_bytes()), random) for row in owners)
        crops = encoder.encode(tqdm(cut, "crops", len(owners), leave=False))
    return own, crops[: options.crops], owners[: options.crops], crops[options.crops :]


def crop(photo: Image.Image, random: np.random.Generator) -> Image.Image:
    """A random part of the photo, half of the time mirrored."""
    width, height = (max(1, round(side * random.uniform(SMALLEST_CROP, 1))) for side in photo.size)
    left, top = (int(random.integers(0, room + 1)) for room in (photo.width - width, photo.height - height))
    part = photo.crop((left, top, left + width, top + height))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else part


def shortenings(vectors: Floats) -> Iterator[Shortened]:
    """The vectors as they are, by PCA, and whitened."""
    dimensions = vectors.shape[1]
    yield Shortened(f"{dimensions:,}", dimensions, None)
    for count in COMPONENTS:
        yield Shortened(str(count), count, fit_projection(vectors, count))
    yield Shortened(f"{WHITENED}, whitened", WHITENED, fit_projection(vectors, WHITENED, whiten=True))


def filling(crops: Floats, owners: Ints, count: int) -> Floats:
    """Crops, each changed as two crops of another photo differ: (count, dimensions), not negative, of length 1.

    Mixtures would lie between the crops, where no real photo lies.
    """
    random = np.random.default_rng(1)
    ones, others = random.integers(len(crops), size=(2, count))
    by_owner = {owner: np.flatnonzero(owners == owner) for owner in np.unique(owners)}
    twins = np.array([random.choice(by_owner[owners[other]]) for other in others], np.int64)
    return unit(np.maximum(crops[ones] + crops[others] - crops[twins], 0))


def stock(every: Sequence[Shortened], stored: Floats) -> "list[Space]":
    """One category of products, and a space for each number of dimensions with all their vectors and an index."""
    from catalog.models import Category
    from search import spaces
    from search.models import Space
    from search.store import indexes, partitions, vectors

    category = Category.objects.create(slug="furniture", name="Furniture")
    ids = [
        photo
        for first in range(0, len(stored), CHUNK)
        for photo in add_products(category, first, len(stored[first : first + CHUNK]))
    ]
    made = [
        Space.objects.create(name=f"space-{number}", recipe={"weights": "random"}, dimensions=shortened.dimensions)
        for number, shortened in enumerate(every)
    ]
    spaces.ensure_partitions()
    for space, shortened in zip(tqdm(made, "spaces", leave=False), every, strict=True):
        short = shortened.of(stored)
        rows = zip([(photo, category.pk) for photo in ids], short, strict=True)
        # As a shop grows: once the leaf outgrows exact scans, its coarse projection is fitted, and then comes the rest.
        for size in (partitions.EXACT_ROWS + 1, len(ids)):
            while part := list(islice(rows, min(CHUNK, size))):
                vectors.write(space, [row for row, _ in part], np.stack([vector for _, vector in part]))
                size -= len(part)
            indexes.prepare(space)
        indexes.build(partitions.Leaf(space, category.pk))
    return made


def race(spaces: "Sequence[Space]", queries: Sequence[Floats]) -> list[list[float]]:
    """Seconds of every query in every space; the spaces take turns, after a turn each that is not counted."""
    from catalog.models import Category
    from search import lookup

    categories = list(Category.objects.values_list("pk", flat=True))
    times: list[list[float]] = [[] for _ in spaces]
    starts = range(0, len(queries[0]), BLOCK)
    for number, start in enumerate(tqdm([0, *starts], "searches", leave=False)):
        for space, asked, taken in zip(spaces, queries, times, strict=True):
            for query in asked[start : start + BLOCK]:
                begun = time.perf_counter()
                lookup.nearest(space, query, categories, LIMIT)
                if number:
                    taken.append(time.perf_counter() - begun)
    return times


def facts_of(shortened: Shortened, space: "Space", seconds: Sequence[float], recall: float, count: int) -> Facts:
    from search.models import LeafIndex
    from search.store import partitions

    size = partitions.size(space)
    p50, p95 = 1000 * np.percentile(seconds, [50, 95])
    checked = LeafIndex.objects.get(space=space).recall
    return Facts(shortened, recall, size.vectors / count, size.indexes / count, (float(p50), float(p95)), checked)


def draw(found: Sequence[Facts], file: Path) -> None:
    """R@10, megabytes and milliseconds by dimension; the whitened vectors are a point of their own."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    plain = [facts for facts in found if not (facts.shortened.projection and facts.shortened.projection.whiten)]
    [whitened] = [facts for facts in found if facts not in plain]
    dimensions = [facts.shortened.dimensions for facts in plain]
    panels: tuple[tuple[str, Callable[[Facts], float], float | None], ...] = (
        ("R@10", lambda facts: facts.recall, 1),
        (f"{SHOP:,} photos, MB", lambda facts: facts.megabytes, None),
        ("A search, median, ms", lambda facts: facts.milliseconds[0], None),
    )
    with mpl.rc_context(RC):
        figure = Figure(figsize=(8, 2.9), layout="constrained")
        for axes, (title, value, top) in zip(figure.subplots(1, 3), panels, strict=True):
            axes.plot(dimensions, [value(facts) for facts in plain], color=FIRST, marker="o", label="PCA")
            axes.plot(WHITENED, value(whitened), color=SECOND, marker="D", linestyle="", label="PCA, whitened")
            axes.set(xscale="log", xlabel="dimensions", ylim=(0, top), title=title)
            axes.set_xticks(dimensions, [f"{size:,}" for size in dimensions], fontsize=7)
            axes.minorticks_off()
        figure.legend(*axes.get_legend_handles_labels(), ncols=2, loc="outside lower center")
        figure.savefig(file, dpi=120, facecolor="white")


if __name__ == "__main__":
    main()
