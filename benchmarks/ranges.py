"""Bounds of numbers within a search by photo: what they find, and what they cost, in a category of 20,000 products.

Each product has a width, a depth and a height, which go together, and a weight, which does not. For each share of the
products that passes, half of the queries are held-out photos of the category, half are mixtures of two stored ones, as
unlike all photos as a customer's. Each query is asked without filters and with each kind of filter in turn, so that
what else the machine does slows all of them. Recall is measured against numpy, over the vectors as they are stored.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.shop import data_folder
from benchmarks.speed import search as speed
from benchmarks.vectors import DIMENSIONS, Floats, make_space, unit

if TYPE_CHECKING:  # Models are imported once Django is set up.
    from django.db.models import Q

EXAMPLES = """examples:
  python -m benchmarks.ranges
  python -m benchmarks.ranges --dimensions 1280 --queries 40
  python -m benchmarks.ranges --dimensions 256 --shares 0.1 0.5
"""
LIMIT, SHARES = 20, (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)
WARM_UP = 8  # Queries that are asked and not counted.
NUMBERS = ("width_cm", "depth_cm", "height_cm", "weight_kg")
LONGEST, APART = 1_000.0, 30.0  # The greatest width, and how far depth and height stray from it (standard deviation).
CLOSE = 1e-7  # Cosines that are as good as equal: what numpy sums in another order than PostgreSQL.
RECALL, SLOWER = 1.0, 2.0  # The bars.
Bools = NDArray[np.bool_]
Numbers = Mapping[str, NDArray[np.float64]]
"""What the products measure, (n,) by name."""


@dataclass(frozen=True)
class Kind:
    """A filter, and which products pass it."""

    name: str
    filters: "Q"
    passes: Bools


@dataclass
class Asked:
    """What became of the queries with one filter."""

    seconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)
    missing: int = 0
    """Hits that were left out though so many products pass."""

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return 1000 * float(np.percentile(self.seconds[WARM_UP:], share))


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ranges", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--rows", type=int, default=20_000, help="products of the category (%(default)s)")
    parser.add_argument("--queries", type=int, default=75, help="queries of each kind (%(default)s)")
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS, help="of a vector (%(default)s)")
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES, help="of the products that pass, 0 to 1")
    parser.add_argument("--seed", type=int, default=0, help="seed of the vectors and numbers (%(default)s)")
    options = parser.parse_args()
    if not all(0 < share <= 1 for share in options.shares):
        parser.error("--shares: give shares of the products, above 0 and up to 1, such as 0.05")
    with data_folder():
        import django

        django.setup()
        print(run(options))


def run(options: argparse.Namespace) -> str:
    from django.core.management import call_command
    from django.db import connection

    from search.models import LeafIndex
    from search.store import indexes
    from search.store.partitions import Leaf

    call_command("migrate", verbosity=0)
    speed.DIMENSIONS = options.dimensions
    space = make_space(options.dimensions)
    stock = speed.stock(space, options.rows, SimpleNamespace(seed=options.seed, queries=options.queries))  # type: ignore[arg-type]
    numbers = measure(stock.ids, options.seed)
    indexes.build(Leaf(space, stock.category.pk))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    index = LeafIndex.objects.get()
    lines = [
        f"{options.rows:,} products, {options.dimensions:,} dimensions, the {LIMIT} nearest of {2 * options.queries} "
        f"queries; hnsw.ef_search {index.ef_search}, recall@20 of the index {index.recall:.4f}\n",
        "| share that passes | filter | recall@20 | hits missing | p50 ms | p95 ms | p50, times unfiltered"
        " | p95, times unfiltered |",
        "|---|---|---|---|---|---|---|---|",
    ]
    worst: list[tuple[float, float]] = []
    for share in tqdm(options.shares, desc="shares", leave=False):
        kinds = filters(stock.ids, numbers, share)
        asked = ask(space, stock, kinds)
        plain = asked.pop("none")
        for kind in kinds:
            found = asked[kind.name]
            slower = [found.percentile(one) / plain.percentile(one) for one in (50, 95)]
            worst.append((float(np.mean(found.recalls)), slower[1]))
            lines.append(
                f"| {100 * kind.passes.mean():.1f} % | {kind.name} | {np.mean(found.recalls):.4f} | {found.missing} "
                f"| {found.percentile(50):.2f} | {found.percentile(95):.2f} | {slower[0]:.2f} | {slower[1]:.2f} |"
            )
        lines.append(
            f"| | none | | | {plain.percentile(50):.2f} | {plain.percentile(95):.2f} | 1 | 1 |",
        )
    recall, slower_most = min(one for one, _ in worst), max(one for _, one in worst)
    lines += ["", _bar("least recall", recall, recall >= RECALL, f"{RECALL}")]
    lines.append(_bar("greatest p95, times unfiltered", slower_most, slower_most <= SLOWER, f"{SLOWER} or less"))
    return "\n".join(lines)


def measure(photos: NDArray[np.int64], seed: int) -> Numbers:
    """Give each photo's product its numbers: (n,) by name, in the order of the photos."""
    from catalog.models import Photo, ProductNumber

    random = np.random.default_rng([seed, 3])
    width = random.uniform(0, LONGEST, len(photos))
    made = {
        "width_cm": width,
        "depth_cm": width + random.normal(0, APART, len(photos)),
        "height_cm": width + random.normal(0, APART, len(photos)),
        "weight_kg": random.uniform(0, LONGEST, len(photos)),
    }
    products = dict(Photo.objects.values_list("pk", "product_id"))
    rows = [
        ProductNumber(product_id=products[photo], name=name, value=float(values[place]))
        for place, photo in enumerate(photos.tolist())
        for name, values in made.items()
    ]
    ProductNumber.objects.bulk_create(rows, batch_size=5_000)
    return made


def filters(photos: NDArray[np.int64], numbers: Numbers, share: float) -> list[Kind]:
    """Filters that about this share of the products pass."""
    from catalog import ranges
    from catalog.filters import condition
    from catalog.models import Photo

    priced = dict(Photo.objects.values_list("pk", "product__price"))
    prices = np.array([float(priced[photo] or 0) for photo in photos.tolist()])

    def bounded(most: Mapping[str, float], **others: Any) -> Kind:
        bounds = ranges.parse([(f"{name}_max", repr(value)) for name, value in most.items()])
        passes = np.all([numbers[name] <= value for name, value in most.items()], axis=0)
        if others:
            passes &= prices <= float(others["price_max"])
        name = ", ".join([name.partition("_")[0] for name in most] + [key.partition("_")[0] for key in others])
        return Kind(name, condition({"ranges": bounds, **others}), passes)

    sizes = np.max([numbers[name] for name in NUMBERS[:3]], axis=0)
    price = Decimal(f"{np.quantile(prices, share**0.5):.2f}")
    return [
        bounded({"width_cm": float(np.quantile(numbers["width_cm"], share))}),
        bounded(dict.fromkeys(NUMBERS[:3], float(np.quantile(sizes, share)))),
        bounded({name: float(np.quantile(numbers[name], share**0.5)) for name in ("width_cm", "weight_kg")}),
        bounded({"width_cm": float(np.quantile(numbers["width_cm"], share**0.5))}, price_max=price),
        Kind(
            "price",
            condition({"price_max": (cheap := Decimal(f"{np.quantile(prices, share):.2f}"))}),
            prices <= float(cheap),
        ),
    ]


def ask(space: Any, stock: "speed.Stock", kinds: Sequence[Kind]) -> dict[str, Asked]:
    """Ask each query without filters ("none") and with each filter in turn."""
    from catalog.filters import condition
    from search import lookup

    def search(filters: "Q") -> Callable[[Floats], list[int]]:
        def one(query: Floats) -> list[int]:
            hits = lookup.nearest(space, query, [stock.category.pk], LIMIT, filters=filters).hits
            return [hit.photo.pk for hit in hits]

        return one

    vectors = unit(stock.vectors.astype(np.float64))
    place = {photo: row for row, photo in enumerate(stock.ids.tolist())}
    everything = Kind("none", condition({}), np.ones(len(stock.ids), bool))
    asked = {kind.name: Asked() for kind in (everything, *kinds)}
    queries = np.stack([stock.own, stock.mixed], axis=1).reshape(-1, vectors.shape[1])
    for query in [*queries[:WARM_UP], *queries]:
        cosines = vectors @ query.astype(np.float16).astype(np.float64)  # As the database is asked.
        for kind in (everything, *kinds):
            begun = time.perf_counter()
            found = search(kind.filters)(query)
            asked[kind.name].seconds.append(time.perf_counter() - begun)
            there = min(LIMIT, int(kind.passes.sum()))
            least = np.sort(cosines[kind.passes])[-there] - CLOSE
            right = sum(kind.passes[place[photo]] and cosines[place[photo]] >= least for photo in found)
            asked[kind.name].recalls.append(min(1.0, right / there))
            asked[kind.name].missing += there - len(found)
    return asked


def _bar(what: str, value: float, met: bool, bar: str) -> str:
    return f"{what}: {value:.4g} ({bar}: {'met' if met else 'MISSED'})"


if __name__ == "__main__":
    main()
