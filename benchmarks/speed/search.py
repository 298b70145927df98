"""Search: a category of 20,000 photos and one of 2,000, Lamplight beside hnswlib, faiss, duckdb and plain pgvector.

All search the same vectors (benchmarks.vectors) in the same run, a block of queries each in turn, with one thread each.
Half of the queries are held-out photos of the category. The others are mixtures of two stored ones, which are as unlike
all photos as a customer's. Recall is measured against exact rankings by numpy.

Then come the choices of the design: indexes over full or over coarse vectors, and from how many photos an index pays.
"""

import argparse
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from pgvector.psycopg import register_vector
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from tqdm import tqdm

from benchmarks.shop import data_folder
from benchmarks.vectors import CHUNK, DIMENSIONS, Floats, Halves, MadeUp, add_products, make_space, mixtures

if TYPE_CHECKING:  # Models are imported once Django is set up.
    from catalog.models import Category
    from search.models import Space

SMALL = 2_000
LEAVES = (250, 500, 1_000, SMALL, 3_000, 5_000, 10_000)
LIMIT = 10
BLOCK = 25  # Queries that a contender answers in its turn: its data are in the caches then.
RECALL, SLOWER_THAN_HNSWLIB, SLOWER_THAN_FAISS = 0.99, 3, 5  # The bars.
ANSWER, STATEMENT = "Lamplight, answer (lookup.nearest)", "Lamplight, statement (scans.nearest)"
FLAT = "faiss, flat"
# hnswlib's graphs have pgvector's defaults.
M, EF_CONSTRUCTION = 16, 64
EFS = (10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 448, 640)
# Dimensions and candidates of a two-stage search. One stage has as many candidates by its hnsw.ef_search. Both are
# judged by recall@20, as stored indexes are (search.store.indexes).
COARSE, CANDIDATES, FOUND = (64, 128, 256), (50, 100, 200), 20
Search = Callable[[Floats], Sequence[int]]
"""The ids of the photos nearest to a vector."""


@dataclass(frozen=True)
class Stock:
    """A category, the vectors stored in it and the queries put to it."""

    category: "Category"
    ids: NDArray[np.int64]
    vectors: Halves
    own: Floats
    mixed: Floats

    @property
    def queries(self) -> Floats:
        """Held-out photos and mixtures in turn."""
        return np.stack([self.own, self.mixed], axis=1).reshape(-1, DIMENSIONS)

    def nearest(self, queries: Floats, count: int) -> list[set[int]]:
        """The ids of the photos nearest to each query, exactly."""
        ranked = np.argsort(-(queries @ self.vectors.astype(np.float32).T), axis=1)
        return [set(self.ids[row[:count]].tolist()) for row in ranked]


@dataclass
class Result:
    """What a contender did with the queries."""

    seconds: list[float] = field(default_factory=list)
    recalls: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """The median, in milliseconds."""
        return 1000 * float(np.percentile(self.seconds, 50))

    @property
    def p95(self) -> float:
        return 1000 * float(np.percentile(self.seconds, 95))

    @property
    def recall(self) -> float:
        return float(np.mean(self.recalls))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=20_000, help="photos of the large category (%(default)s)")
    parser.add_argument("--queries", type=int, default=75, help="queries of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the vectors (%(default)s)")


def run(options: argparse.Namespace) -> None:
    with data_folder():
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        space = make_space()
        sizes = tqdm((options.rows, *LEAVES), desc="loading", leave=False)
        large, *leaves = [stock(space, rows, options) for rows in sizes]
        with plain_connection() as plain:
            print(contest(space, large, leaves[LEAVES.index(SMALL)], plain), flush=True)
            print(stages(large, plain), flush=True)
        print(crossover(space, leaves))


def stock(space: "Space", rows: int, options: argparse.Namespace) -> Stock:
    """A category of so many photos, written as the project itself writes them."""
    from catalog.models import Category
    from search import spaces
    from search.store import vectors

    slug = f"lamps-{Category.objects.count()}"
    category = Category.objects.create(slug=slug, name=slug)
    spaces.ensure_partitions()
    made = MadeUp(category.pk, rows, DIMENSIONS, options.seed)
    ids: list[int] = []
    parts = []
    for part in made.stored():
        photos = add_products(category, len(ids), len(part))
        vectors.write(space, [(photo, category.pk) for photo in photos], part)
        ids += photos
        parts.append(part)
    stored = np.concatenate(parts)
    mixed = mixtures(stored, options.queries, options.seed)
    return Stock(category, np.array(ids), stored, made.held_out(options.queries), mixed)


def race(contenders: Mapping[str, Search], stock: Stock, count: int, desc: str) -> dict[str, Result]:
    """Every contender answers every query, a block of them in turn, after a block that is not counted.

    Recall is taken among the `count` nearest photos.
    """
    queries, nearest = stock.queries, stock.nearest(stock.queries, count)
    blocks = [range(start, min(start + BLOCK, len(queries))) for start in range(0, len(queries), BLOCK)]
    results = {name: Result() for name in contenders}
    turns = [(Result(), *turn) for turn in product(blocks[:1], contenders)]
    turns += [(results[name], block, name) for block, name in product(blocks, contenders)]
    for result, block, name in tqdm(turns, desc=desc, leave=False):
        with threadpool_limits(1):
            for place in block:
                begun = time.perf_counter()
                found = contenders[name](queries[place])
                result.seconds.append(time.perf_counter() - begun)
                result.recalls.append(len(nearest[place].intersection(found)) / count)
    return results


def contest(space: "Space", large: Stock, small: Stock, plain: psycopg.Connection[Any]) -> str:
    """Have all contenders search both categories."""
    from search.store import indexes
    from search.store.partitions import Leaf

    built = {"Lamplight, two stages, checked": _seconds(lambda: indexes.build(Leaf(space, large.category.pk)))}
    built["one table, all categories"] = make_one_table(plain)
    graph = Hnswlib(large)
    built["hnswlib"] = graph.build_seconds
    lines = ["\n| index built | s |", "|---|---|", *(f"| {name} | {took:.1f} |" for name, took in built.items())]

    ours = lamplight(space, large)
    least, equal = (graph.least_ef(large, recall) for recall in (RECALL, _recall(ours[STATEMENT], large)))
    graphs: dict[str, Search] = {f"hnswlib, ef {ef}": partial(graph.search, ef=ef) for ef in (least, equal)}
    in_large = race({**ours, **graphs, **scans_of_peers(large), **baselines(plain, large)}, large, LIMIT, "large")
    ours = lamplight(space, small)
    in_small = race({**ours, **scans_of_peers(small), **baselines(plain, small)}, small, LIMIT, "small")
    for stock, found in ((large, in_large), (small, in_small)):
        lines += [
            f"\n| {len(stock.ids):,} photos, the {LIMIT} nearest | p50 ms | p95 ms | recall@{LIMIT} |",
            "|---|---|---|---|",
            *(f"| {name} | {one.p50:.2f} | {one.p95:.2f} | {one.recall:.4f} |" for name, one in found.items()),
        ]
    lines.append(f"\np50 of {STATEMENT}, and its recall:")
    for ef, at in ((equal, "equal recall"), (least, f"recall {RECALL}")):
        slower = in_large[STATEMENT].p50 / in_large[f"hnswlib, ef {ef}"].p50
        lines.append(
            _bar(f"{len(large.ids):,} photos, over hnswlib's at {at} (ef {ef})", slower, most=SLOWER_THAN_HNSWLIB)
        )
    lines.append(_bar(f"{len(large.ids):,} photos, recall@{LIMIT}", in_large[STATEMENT].recall, least=RECALL))
    slower = in_small[STATEMENT].p50 / in_small[FLAT].p50
    lines.append(_bar(f"{len(small.ids):,} photos, over faiss flat's", slower, most=SLOWER_THAN_FAISS))
    return "\n".join(lines)


def lamplight(space: "Space", stock: Stock) -> dict[str, Search]:
    """The whole answer, with its products, prices and photos, and the bare statement that reads it."""
    from search import lookup
    from search.store import indexes, scans

    category = [stock.category.pk]

    def answer(query: Floats) -> list[int]:
        return [hit.photo.pk for hit in lookup.nearest(space, query, category, LIMIT).hits]

    def statement(query: Floats) -> list[int]:
        rows = scans.nearest(space, query, indexes.plan(space, category), LIMIT).photos
        return [row.photo_id for row in rows]

    return {ANSWER: answer, STATEMENT: statement}


class Hnswlib:
    """A graph of all the vectors, in memory."""

    def __init__(self, stock: Stock) -> None:
        import hnswlib  # type: ignore[import-untyped]

        self._graph = hnswlib.Index("ip", DIMENSIONS)
        self._graph.init_index(len(stock.ids), M=M, ef_construction=EF_CONSTRUCTION)
        self.build_seconds = _seconds(lambda: self._graph.add_items(stock.vectors.astype(np.float32), stock.ids))

    def search(self, query: Floats, ef: int) -> list[int]:
        self._graph.set_ef(ef)
        found: list[int] = self._graph.knn_query(query, LIMIT, num_threads=1)[0][0].tolist()
        return found

    def least_ef(self, stock: Stock, recall: float) -> int:
        """The smallest ef that answers the stock's queries so well."""
        enough = (ef for ef in EFS if _recall(partial(self.search, ef=ef), stock) >= recall)
        return next(enough, EFS[-1])


def scans_of_peers(stock: Stock) -> dict[str, Search]:
    """Contenders that compare every vector."""
    import duckdb

    logging.getLogger("faiss.loader").setLevel(logging.WARNING)
    import faiss

    stored = stock.vectors.astype(np.float32)
    faiss.omp_set_num_threads(1)  # A PostgreSQL backend has one thread, too.
    flat = faiss.IndexFlatIP(DIMENSIONS)
    flat.add(stored)
    database = duckdb.connect(config={"threads": 1})
    database.execute(f"CREATE TABLE photo (photo_id BIGINT, vector FLOAT[{DIMENSIONS}])")
    for start in range(0, len(stored), CHUNK):
        part, ids = stored[start : start + CHUNK], stock.ids[start : start + CHUNK]
        numbers = {"photo_id": ids.repeat(DIMENSIONS), "number": part.ravel()}  # noqa: F841  duckdb reads it by name
        database.execute("INSERT INTO photo SELECT photo_id, list(number) FROM numbers GROUP BY photo_id")
    query = f"""
        SELECT photo_id FROM photo ORDER BY array_inner_product(vector, ?::FLOAT[{DIMENSIONS}]) DESC LIMIT {LIMIT}
    """
    return {
        FLAT: lambda vector: stock.ids[flat.search(vector[np.newaxis], LIMIT)[1][0]].tolist(),
        "duckdb, brute force": lambda vector: _ids(database.execute(query, [vector]).fetchall()),
    }


@contextmanager
def plain_connection() -> Iterator[psycopg.Connection[Any]]:
    """A connection to the same server that speaks binary, with one thread and pgvector's own hnsw.ef_search."""
    from django.db import connection

    connection.ensure_connection()
    own = connection.connection.info
    address = {"host": own.host, "port": own.port, "user": own.user, "dbname": own.dbname}
    with psycopg.connect(**address, autocommit=True) as plain:
        register_vector(plain)
        plain.execute("SET hnsw.iterative_scan = strict_order")
        plain.execute("SET max_parallel_workers_per_gather = 0")
        yield plain


def make_one_table(plain: psycopg.Connection[Any]) -> float:
    """Make the table that a shop begins with: all vectors as pgvector stores them. Returns the seconds of its HNSW."""
    plain.execute("SET maintenance_work_mem = '1GB'")
    plain.execute(
        f"CREATE TABLE one_table (photo_id bigint PRIMARY KEY, category_id bigint, vector vector({DIMENSIONS}));"
        "INSERT INTO one_table SELECT photo_id, category_id, vector::vector FROM search_embedding;"
        "CREATE INDEX ON one_table (category_id)"
    )
    create = f"CREATE INDEX one_index ON one_table USING hnsw ((vector::halfvec({DIMENSIONS})) halfvec_cosine_ops)"
    took = _seconds(partial(plain.execute, create))
    plain.execute("VACUUM ANALYZE one_table")
    return took


def baselines(plain: psycopg.Connection[Any], stock: Stock) -> dict[str, Search]:
    """Contenders on that table, where the category is a WHERE clause."""
    cursor = plain.cursor(binary=True)
    condition = f"SELECT photo_id FROM one_table WHERE category_id = {stock.category.pk} ORDER BY"
    exact = f"{condition} vector <=> %b LIMIT {LIMIT}"
    indexed = f"{condition} vector::halfvec({DIMENSIONS}) <=> %b LIMIT {LIMIT}"
    plan = " ".join(line for (line,) in plain.execute(f"EXPLAIN {indexed}", [HalfVector(stock.own[0])]))
    used = "used" if "one_index" in plan else "not used by the planner"
    return {
        "one table, exact": lambda vector: _ids(cursor.execute(exact, [Vector(vector)]).fetchall()),
        f"one table, HNSW over all ({used})": lambda vector: _ids(
            cursor.execute(indexed, [HalfVector(vector)]).fetchall()
        ),
    }


def stages(stock: Stock, plain: psycopg.Connection[Any]) -> str:
    """Indexes over the full vectors and over coarse ones of several lengths, in the same table."""
    from ml.projection import fit_coarse
    from search.store.coarse import FITTED

    stored = stock.vectors.astype(np.float32)
    projections = {length: fit_coarse(stored[:FITTED], length) for length in COARSE}
    columns = ", ".join(f"coarse_{length} halfvec({length}) STORAGE PLAIN" for length in COARSE)
    plain.execute(f"CREATE TABLE leaf (photo_id bigint, vector halfvec({DIMENSIONS}) STORAGE PLAIN, {columns})")
    with plain.cursor().copy("COPY leaf FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", *["halfvec"] * (1 + len(COARSE))])
        coarse = [projection.apply(stored, normalize=False) for projection in projections.values()]
        for photo_id, *row in zip(stock.ids.tolist(), stored, *coarse, strict=True):
            copy.write_row([photo_id, *map(HalfVector, row)])
    plain.execute("SET hnsw.iterative_scan = strict_order")
    plain.execute("SET max_parallel_workers_per_gather = 0")
    facts = {}
    for column in tqdm(("vector", *(f"coarse_{length}" for length in COARSE)), desc="indexes", leave=False):
        create = f"CREATE INDEX {column}_index ON leaf USING hnsw ({column} halfvec_cosine_ops)"
        took = _seconds(partial(plain.execute, create))
        [size] = plain.execute("SELECT pg_relation_size(%s)", [f"{column}_index"]).fetchone() or [0]
        facts[column] = f"{took:.1f} | {size / 1e6:.0f}"
    plain.execute("VACUUM ANALYZE leaf")

    cursor = plain.cursor(binary=True)

    def one_stage(vector: Floats) -> list[int]:
        return _ids(
            cursor.execute(f"SELECT photo_id FROM leaf ORDER BY vector <=> %b LIMIT {FOUND}", [HalfVector(vector)])
        )

    def two_stages(vector: Floats, length: int, candidates: int) -> list[int]:
        near = projections[length].apply(vector[np.newaxis], normalize=False)[0]
        query = f"""
            SELECT photo_id FROM (
                SELECT photo_id, vector <=> %b AS distance FROM leaf ORDER BY coarse_{length} <=> %b LIMIT {candidates}
            ) candidate ORDER BY distance LIMIT {FOUND}
        """
        return _ids(cursor.execute(query, [HalfVector(vector), HalfVector(near)]))

    lines = [
        f"\n| {len(stock.ids):,} photos, the {FOUND} nearest | candidates | p50 ms | recall, held-out"
        " | recall, mixtures | build s | index MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for candidates in CANDIDATES:
        plain.execute(f"SET hnsw.ef_search = {candidates}")
        ways: dict[str, Search] = {"vector": one_stage}
        ways |= {f"coarse_{length}": partial(two_stages, length=length, candidates=candidates) for length in COARSE}
        for column, found in race(ways, stock, FOUND, f"{candidates} candidates").items():
            name = "one stage" if column == "vector" else f"two stages, {column.removeprefix('coarse_')} dimensions"
            own, mixed = (float(np.mean(found.recalls[kind::2])) for kind in (0, 1))
            lines.append(f"| {name} | {candidates} | {found.p50:.2f} | {own:.4f} | {mixed:.4f} | {facts[column]} |")
    return "\n".join(lines)


def crossover(space: "Space", stocks: Sequence[Stock]) -> str:
    """Leaves of rising size, scanned whole and by their index at the hnsw.ef_search that their check has found.

    Both read as many rows as an answer of LIMIT hits does.
    """
    from search import lookup
    from search.models import LeafIndex
    from search.store import indexes, partitions, scans
    from search.store.scans import ScanPlan

    size = lookup.photos_read(LIMIT)
    lines = [
        "\n| photos of a leaf | exact, p50 ms | by index, p50 ms | ef_search | recall@20 |",
        "|---|---|---|---|---|",
    ]
    gains = []
    for stock in stocks:
        category = stock.category.pk
        indexes.build(partitions.Leaf(space, category))
        index = LeafIndex.objects.get(category=category)
        plans = {"exact": ScanPlan(frozenset([category])), "index": ScanPlan(indexed={category: index.ef_search})}

        def scan(query: Floats, plan: ScanPlan) -> list[int]:
            return [row.photo_id for row in scans.nearest(space, query, plan, size).photos]

        ways: dict[str, Search] = {name: partial(scan, plan=plan) for name, plan in plans.items()}
        found = race(ways, stock, size, f"{len(stock.ids):,} photos")
        lines.append(
            f"| {len(stock.ids):,} | {found['exact'].p50:.2f} | {found['index'].p50:.2f}"
            f" | {index.ef_search} | {index.recall:.4f} |"
        )
        gains.append(found["exact"].p50 - found["index"].p50)
    told = _crossing([len(stock.ids) for stock in stocks], gains)
    return "\n".join(
        [*lines, f"\n{told}; one is built above {partitions.EXACT_ROWS:,} (search.store.partitions.EXACT_ROWS)."]
    )


def _crossing(sizes: Sequence[int], gains: Sequence[float]) -> str:
    """From which size on an index gains, on a straight line between the last that loses and the next."""
    losing = [place for place, gain in enumerate(gains) if gain < 0]
    if not losing:
        return f"An index is the faster at {sizes[0]:,} photos already"
    if losing[-1] == len(sizes) - 1:
        return f"An exact scan is the faster at {sizes[-1]:,} photos still"
    ends = slice(losing[-1], losing[-1] + 2)
    return f"An index is the faster from {np.interp(0, gains[ends], sizes[ends]):,.0f} photos on"


def _recall(search: Search, stock: Stock) -> float:
    """recall@LIMIT of the stock's queries."""
    nearest = stock.nearest(stock.queries, LIMIT)
    found = [len(exact.intersection(search(query))) for exact, query in zip(nearest, stock.queries, strict=True)]
    return float(np.mean(found)) / LIMIT


def _ids(rows: Iterable[Sequence[int]]) -> list[int]:
    return [photo_id for photo_id, *_ in rows]


def _bar(what: str, value: float, most: float | None = None, least: float | None = None) -> str:
    met = (most is None or value <= most) and (least is None or value >= least)
    bound = f"{most} or less" if most is not None else f"{least} or more"
    return f"{what}: {value:.3g} ({bound}: {'met' if met else 'MISSED'})"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
