"""Growth: search in shops of rising size, from 10,000 photos in 20 categories to 1,000,000 in 200.

Each size is a shop of its own, in a process and a data folder of its own. Its vectors (benchmarks.vectors) go in by the
project's own bulk path and as a shop grows. First comes a part of every category, until the largest outgrows exact
scans and `maintain` fits the coarse projection and builds the first index. Then comes the rest, and `maintain` again.

A larger shop has more categories, and larger ones. The size of a category falls with the square root of its rank: the
largest of 200 holds 14 times as many photos as the smallest, and some shops have both exact and indexed leaves. A query
is a mixture of two stored photos, as unlike all photos as a customer's, in a category drawn by its size. The page cache
is warm, and the connection has searched each category before.
"""

import argparse
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from math import ceil, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.shop import data_folder
from benchmarks.vectors import CHUNK, DIMENSIONS, Floats, Halves, MadeUp, add_products, make_space, mixtures

EXAMPLES = """examples:
  python -m benchmarks.scale --sizes 10000 100000
  python -m benchmarks.scale --plot docs/images/scale.png
"""
LIMIT, SEVERAL = 20, 3
KEPT = 32  # Vectors of each category that queries are mixed from.
WARM_UP = 20  # Queries that are asked and not counted.
GROWTH, PLANNING, RECALL = 1.5, 0.2, 0.99  # The bars.
# Bytes on disk beside a photo's vector (the product, the photo, all indexes), and the server's log of all that.
BESIDE_A_VECTOR, LOG = 6_000, 2_000_000_000
# The page's own colours (evaluation/templates/evaluation/scorecard.html).
INK, MUTED, FIRST, SECOND = "#241d15", "#6f6557", "#c9770c", "#5a82a8"
RC: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Latency:
    """How long searches take, in milliseconds."""

    p50: float
    p95: float

    def __str__(self) -> str:
        return f"{self.p50:.1f} / {self.p95:.1f}"


@dataclass(frozen=True)
class Facts:
    """What a shop of one size came to."""

    photos: int
    categories: int
    indexes: int
    load_rate: float
    """Vectors a second."""
    maintain_seconds: float
    vector_bytes: int
    index_bytes: int
    own_memory: int
    """Bytes of this process. Here and in the next, processes that share memory each count a part of it."""
    postgres_memory: int
    one: Latency
    several: Latency
    ef_search: tuple[int, int]
    """The least and the greatest of all indexes."""
    checked_recall: float
    """recall@20 of the worst index, by its own check."""
    recall: float
    """recall@LIMIT of the queries."""
    planning: Latency

    def row(self) -> str:
        disk = f"{self.vector_bytes / 1e9:.2f} + {self.index_bytes / 1e9:.2f}"
        memory = f"{self.own_memory / 1e6:.0f} + {self.postgres_memory / 1e6:.0f}"
        indexes = f"{self.ef_search[0]} to {self.ef_search[1]} | {self.checked_recall:.3f}" if self.indexes else "- | -"
        return (
            f"| {self.photos:,} | {self.categories} | {self.indexes} | {self.load_rate:,.0f}"
            f" | {self.maintain_seconds:.0f} | {disk} | {memory} | {self.one} | {self.several} | {self.recall:.4f}"
            f" | {indexes} | {self.planning.p50:.2f} |"
        )


HEADINGS = (
    "photos",
    "categories",
    "indexes",
    "vectors loaded, 1/s",
    "indexes built and checked, s",
    "disk, GB: vectors + indexes",
    "memory, MB: Python + PostgreSQL",
    "one category, ms: p50 / p95",
    f"{SEVERAL} categories, ms: p50 / p95",
    f"recall@{LIMIT}",
    "ef_search",
    "recall@20 of the worst index",
    "planning, ms",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sizes = (10_000, 100_000, 1_000_000)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=sizes, metavar="N", help="photos of each shop (10000 100000 1000000)"
    )
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS, help="dimensions of the vectors (%(default)s)")
    parser.add_argument("--queries", type=int, default=300, help="searches to time in each shop (%(default)s)")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a PNG to draw into")
    options = parser.parse_args()
    ensure_space(max(options.sizes), options.dimensions)
    print(f"| {' | '.join(HEADINGS)} |", "|---" * len(HEADINGS) + "|", sep="\n", flush=True)
    found = []
    for photos in sorted(options.sizes):
        # A process reads settings and makes its data folder once only.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as process:
            found.append(process.submit(measure, photos, options.dimensions, options.queries).result())
        print(found[-1].row(), flush=True)
    print("", *bars(found), sep="\n")
    if options.plot:
        draw(found, options.plot)


def ensure_space(photos: int, dimensions: int) -> None:
    """End now, rather than after an hour, where the disk is too small."""
    needed = photos * (2 * 2 * dimensions + BESIDE_A_VECTOR) + LOG  # A row of 2,048 dimensions takes a page of 8 kB.
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    told = (
        f"{photos:,} photos of {dimensions:,} dimensions take about {needed / 1e9:.0f} GB;"
        f" {free / 1e9:.0f} GB are free in {folder}"
    )
    if free < needed:
        raise SystemExit(f"{told}. Set TMPDIR to a folder with more, or choose fewer --sizes.")
    print(f"{told}.\n")


def measure(photos: int, dimensions: int, queries: int) -> Facts:
    """Fill a shop and search it; it is deleted afterwards."""
    with data_folder():
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        shop = Shop(photos, dimensions)
        shop.grow()
        return shop.facts(queries)


class Shop:
    """Categories of made-up photos, and what became of them."""

    def __init__(self, photos: int, dimensions: int) -> None:
        from catalog.models import Category
        from search import spaces

        self.space = make_space(dimensions)
        self.sizes = category_sizes(photos)
        names = [f"lamps-{rank}" for rank in range(len(self.sizes))]
        self.categories = Category.objects.bulk_create(Category(slug=name, name=name) for name in names)
        spaces.ensure_partitions()
        self.kept: list[Halves] = []
        self.writing = self.maintaining = 0.0

    def grow(self) -> None:
        """Load a part of every category, maintain, load the rest, maintain."""
        from search import maintenance
        from search.store import partitions

        shelves = [MadeUp(rank, size, self.space.dimensions) for rank, size in enumerate(self.sizes)]
        parts = [shelf.stored() for shelf in shelves]
        first = min(1, (partitions.EXACT_ROWS + 1) / self.sizes[0])
        with tqdm(total=sum(self.sizes), desc=f"{sum(self.sizes):,} photos", unit="photo", leave=False) as progress:
            for share in (first, 1):
                progress.set_postfix_str("load")
                for rank, size in enumerate(self.sizes):
                    self.load(rank, islice(parts[rank], ceil(share * ceil(size / CHUNK))), progress)
                progress.set_postfix_str("maintain")
                self.maintaining += _seconds(maintenance.maintain)

    def load(self, rank: int, parts: Iterable[Halves], progress: "tqdm[Any]") -> None:
        """Write vectors as search.indexing writes a batch that it has encoded."""
        from search.store import vectors

        category = self.categories[rank]
        loaded = category.products.count()
        for part in parts:
            if loaded == 0:
                self.kept.append(part[:KEPT].copy())
            rows = [(photo, category.pk) for photo in add_products(category, loaded, len(part))]
            begun = time.perf_counter()
            vectors.write(self.space, rows, part)
            self.writing += time.perf_counter() - begun
            loaded += len(part)
            progress.update(len(part))

    def queries(self, count: int) -> Iterator[tuple[list[int], Floats]]:
        """Yield the category ids, the query's own first, and the query."""
        random = np.random.default_rng(0)
        shares = np.array(self.sizes) / sum(self.sizes)
        several = min(SEVERAL, len(self.sizes))
        for number in range(count):
            ranks = random.choice(len(shares), several, replace=False, p=shares)
            [query] = mixtures(self.kept[ranks[0]], 1, seed=number)
            yield [self.categories[rank].pk for rank in ranks], query

    def facts(self, count: int) -> Facts:
        from django.db import connection

        from search.models import LeafIndex
        from search.store import partitions

        with connection.cursor() as cursor:  # Autovacuum would have done so by now. It must not run beside searches.
            cursor.execute("VACUUM (ANALYZE)")
            cursor.execute("CHECKPOINT")
        asked = list(self.queries(WARM_UP + count))
        # A connection looks up a category's tables when it first meets it. After an hour a web process has met all.
        for rank, category in enumerate(self.categories):
            self._search(mixtures(self.kept[rank], 1, seed=count + rank)[0], [category.pk])
        # Searches run one after the other: an exact scan in between would empty the processor's caches.
        one = [self._search(query, categories[:1]) for categories, query in tqdm(asked, "one category", leave=False)]
        several = [self._search(query, categories) for categories, query in tqdm(asked, "several", leave=False)]
        recalls = [self._recall(query, categories[0]) for categories, query in tqdm(asked, "recall", leave=False)]
        planning = [self._planning(query, categories[0]) for categories, query in asked]
        size = partitions.size(self.space)
        indexes = list(LeafIndex.objects.values_list("ef_search", "recall"))
        efs, checked = zip(*indexes, strict=True) if indexes else ((0,), (1.0,))
        return Facts(
            photos=sum(self.sizes),
            categories=len(self.sizes),
            indexes=len(indexes),
            load_rate=sum(self.sizes) / self.writing,
            maintain_seconds=self.maintaining,
            vector_bytes=size.vectors,
            index_bytes=size.indexes,
            own_memory=_memory([os.getpid()]),
            postgres_memory=_memory(_postgres()),
            one=_latency(one),
            several=_latency(several),
            ef_search=(min(efs), max(efs)),
            checked_recall=min(checked),
            recall=float(np.mean(recalls)),
            planning=_latency(planning),
        )

    def _search(self, query: Floats, categories: Sequence[int]) -> float:
        from search import lookup

        return _seconds(lambda: lookup.nearest(self.space, query, categories, LIMIT))

    def _recall(self, query: Floats, category: int) -> float:
        """recall@LIMIT against an exact scan."""
        from search.store import indexes, scans
        from search.store.scans import ScanPlan

        plan = indexes.plan(self.space, [category])
        if not plan.indexed:
            return 1.0
        found, exact = (
            {row.photo_id for row in scans.nearest(self.space, query, way, LIMIT).photos}
            for way in (plan, ScanPlan(plan.categories))
        )
        return len(found & exact) / len(exact)

    def _planning(self, query: Floats, category: int) -> float:
        """Seconds that PostgreSQL takes to plan the search's statement."""
        from psycopg import sql

        from search import lookup
        from search.store import binary, indexes, scans

        size = lookup.photos_read(LIMIT)
        statement, parameters = scans.statement(self.space, query, indexes.plan(self.space, [category]), size)
        with binary.cursor() as cursor:
            lines = cursor.execute(sql.SQL("EXPLAIN (SUMMARY) ") + statement, parameters).fetchall()
        return float(str(lines[-1][0]).split()[2]) / 1000  # "Planning Time: 0.123 ms"


def category_sizes(photos: int) -> list[int]:
    """Photos of each category, the largest first: 20 categories for 10,000, 63 for 100,000, 200 for 1,000,000."""
    shares = np.arange(1, max(1, round(sqrt(photos) / 5)) + 1) ** -0.5
    ends = np.rint(photos * np.cumsum(shares) / shares.sum()).astype(int)
    return [int(size) for size in np.diff(ends, prepend=0)]


def bars(found: Sequence[Facts]) -> list[str]:
    first, last = found[0], found[-1]
    growth = last.one.p50 / first.one.p50
    slowest = max(facts.planning.p50 for facts in found)
    worst = min(facts.checked_recall for facts in found)
    return [
        f"p50 in one category, {last.photos:,} photos over {first.photos:,}: {growth:.2f} times"
        f" ({GROWTH} or less: {_verdict(growth <= GROWTH)})",
        f"planning: {slowest:.2f} ms (less than {PLANNING}: {_verdict(slowest < PLANNING)})",
        f"recall@20 of the worst index: {worst:.3f} ({RECALL} or more: {_verdict(worst >= RECALL)})",
    ]


def draw(found: Sequence[Facts], file: Path) -> None:
    """Latency and building over size."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    photos = [facts.photos for facts in found]
    with mpl.rc_context(RC):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        latency, building = figure.subplots(1, 2)
        for name, colour, times in (
            ("one category", FIRST, [facts.one for facts in found]),
            (f"{SEVERAL} categories", SECOND, [facts.several for facts in found]),
        ):
            latency.plot(photos, [time.p50 for time in times], color=colour, marker="o", label=f"{name}, median")
            latency.plot(photos, [time.p95 for time in times], color=colour, linestyle=":", label=f"{name}, 95 %")
        latency.set(ylim=(0, None), title=f"A search for {LIMIT} products, ms")
        for name, colour, seconds in (
            ("vectors written", SECOND, [facts.photos / facts.load_rate for facts in found]),
            ("indexes built and checked", FIRST, [facts.maintain_seconds for facts in found]),
        ):
            building.plot(photos, seconds, color=colour, marker="o", label=name)
        building.set(yscale="log", title="Building the shop, s")
        for axes in (latency, building):
            axes.set(xscale="log", xlabel="photos")
            axes.set_xticks(photos, [f"{size:,}" for size in photos])
            axes.minorticks_off()
            axes.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))
        figure.savefig(file, dpi=120, facecolor="white")


def _latency(seconds: Sequence[float]) -> Latency:
    """Percentiles of the searches, without the warm-up."""
    p50, p95 = 1000 * np.percentile(seconds[WARM_UP:], [50, 95])
    return Latency(float(p50), float(p95))


def _postgres() -> list[int]:
    """The server's processes."""
    from django.db import connection

    connection.ensure_connection()
    server = _parent(connection.connection.info.backend_pid)
    every = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
    return [server, *(pid for pid in every if _parent(pid) == server)]


def _parent(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _memory(pids: Iterable[int]) -> int:
    """Their proportional set size in bytes: memory that several processes share is counted once."""
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
