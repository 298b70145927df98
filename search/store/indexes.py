"""HNSW indexes: built where a leaf has outgrown exact scans, compared with such scans, and only then searched.

search.store.coarse says what an index is over: full or coarse vectors.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from threading import Lock

import numpy as np
from cachetools import TTLCache, cached
from django.db import OperationalError, connection
from django.db.models import Count
from django.utils import timezone
from numpy.typing import NDArray
from psycopg import errors, sql

from catalog.models import Photo, Product
from search.models import Embedding, LeafIndex, Space
from search.store import coarse, partitions, scans, vectors
from search.store.partitions import Leaf
from search.store.scans import ScanPlan

logger = logging.getLogger(__name__)
OPERATOR_CLASSES = {Space.Metric.COSINE: "halfvec_cosine_ops", Space.Metric.L2: "halfvec_l2_ops"}
BUILD_LOCK = 0x4C414D5002  # Key of a PostgreSQL advisory lock: two processes never build indexes at once.
# A build is several times as fast while the graph fits into maintenance_work_mem. A photo takes its vector and about
# NODE_BYTES there (m = 16). No build asks for more than MOST_MEMORY.
NODE_BYTES, MOST_MEMORY = 1_000, 2_000_000_000
# An index is compared with exact scans by so many queries of each kind, and must find this share of the 20 nearest.
# Stored photos alone would flatter it. Mixtures of two are as unlike all photos as a customer's: recall is lower there.
QUERIES, NEAREST, RECALL = 50, 20, 0.99
# An index that cannot reach RECALL is used all the same, and logged. Below this, exact scans are the lesser evil.
USABLE = 0.95
EF_SEARCH = (40, 50, 64, 80, 100, 125, 160, 250, 400, 640, 1_000)
# An index is compared again once its leaf has grown or shrunk by this share. It is also compared after these days, in
# which as many photos may have come as gone.
CHANGED_ENOUGH, CHECKED_FOR = 0.2, timedelta(days=7)
# Seconds for which a process keeps what it has read of the checked indexes and of the shop's size.
KEPT = 5


def plan(space: Space, categories: Collection[int]) -> ScanPlan:
    """How to scan the leaves of these categories: by their indexes, where they have been checked."""
    checked = _checked(space.pk)
    found = {category: checked[category] for category in categories if category in checked}
    indexed = {category: ef_search for category, (ef_search, _) in found.items()}
    return ScanPlan(frozenset(categories) - indexed.keys(), indexed, sum(photos for _, photos in found.values()))


@cached(TTLCache(maxsize=16, ttl=KEPT), lock=Lock())
def _checked(space_id: int) -> Mapping[int, tuple[int, int]]:
    """The hnsw.ef_search and the photos of each category whose index is good enough to be used."""
    found = LeafIndex.objects.filter(space_id=space_id, recall__gte=USABLE)
    return {category: (ef, photos) for category, ef, photos in found.values_list("category_id", "ef_search", "photos")}


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def photos_per_product() -> float | None:
    """Photos a product in the whole shop, as PostgreSQL last counted them; None before it did."""
    tables = [model._meta.db_table for model in (Photo, Product)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT photo.reltuples, product.reltuples FROM pg_class photo, pg_class product"
            " WHERE photo.oid = %s::regclass AND product.oid = %s::regclass",
            tables,
        )
        photos, products = cursor.fetchone()
    return photos / products if photos > 0 and products > 0 else None


def are_due(space: Space) -> bool:
    """Whether `is_due` holds for any leaf of a space; asked of all at once."""
    photos = Embedding.objects.filter(space_id=space.pk).values("category_id").annotate(count=Count("*"))
    large = set(photos.filter(count__gt=partitions.EXACT_ROWS).values_list("category_id", flat=True))
    checked = LeafIndex.objects.filter(space_id=space.pk, category_id__in=large)
    leaves = [Leaf(space, category_id) for category_id in checked.values_list("category_id", flat=True)]
    return len(large) > sum(map(partitions.has_index, leaves))


def is_due(leaf: Leaf) -> bool:
    """Whether the leaf has outgrown exact scans without a checked index."""
    return not _is_built(leaf) and partitions.is_large(leaf)


def build(leaf: Leaf) -> bool:
    """Build the leaf's index while searches and writes go on, and check it. False when another process builds one.

    Must run outside a transaction: CREATE INDEX CONCURRENTLY needs its own. Raises partitions.Busy.
    """
    with partitions.alone(BUILD_LOCK) as alone:
        if not alone:
            return False
        if _is_built(leaf):  # Another process built it since it was found to be due.
            return True
        # A damaged index would slow down every write. So would one over full vectors, as older versions made them.
        drop(leaf.index_name)
        prepare(leaf.space)
        if coarse.is_two_stage(leaf.space):
            coarse.require(leaf)
            vectors.fill_coarse(leaf.space, leaf.category_id)
        _create(leaf)
        _vacuum(leaf)
        check(leaf)
    return True


def analyze_catalogue() -> None:
    """Renew the statistics. With those from before a large import the planner would filter first and scan exactly."""
    tables = sql.SQL(", ").join(sql.Identifier(model._meta.db_table) for model in (Photo, Product))
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(tables))


def is_stale(leaf: Leaf) -> bool:
    """Whether the leaf may have changed much since its index was checked."""
    found = _of(leaf)
    if found is None:
        return False
    changed = abs(partitions.rows(leaf) - found.photos)
    return changed > CHANGED_ENOUGH * found.photos or timezone.now() - found.checked_at > CHECKED_FOR


def check(leaf: Leaf) -> LeafIndex:
    """Compare the leaf's index with exact scans, and store its recall and the least hnsw.ef_search that suffices."""
    stored = vectors.sample(leaf.space, 2 * QUERIES, leaf.category_id)
    mixed = (stored + np.roll(stored, 1, axis=0)) / 2
    if leaf.space.metric == Space.Metric.COSINE:
        mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), 1e-12)
    kinds = [[(query, _nearest(leaf, query)) for query in kind] for kind in (stored[::2], mixed[::2])]
    for ef_search in EF_SEARCH:
        shares = [[_recall(leaf, query, exact, ef_search) for query, exact in kind] for kind in kinds]
        recall = min(np.mean(kind or [1.0]) for kind in shares)  # The leaf may have been emptied.
        if recall >= RECALL:
            break
    facts = {"ef_search": ef_search, "recall": float(recall), "photos": partitions.rows(leaf)}
    found, _ = LeafIndex.objects.update_or_create(space=leaf.space, category_id=leaf.category_id, defaults=facts)
    if recall < RECALL:
        logger.warning("%s finds only %.3f of the nearest photos", leaf.index_name, recall)
    _checked.cache_clear()
    return found


def _is_built(leaf: Leaf) -> bool:
    return _of(leaf) is not None and partitions.has_index(leaf)


def _of(leaf: Leaf) -> LeafIndex | None:
    return LeafIndex.objects.filter(space_id=leaf.space.pk, category_id=leaf.category_id).first()


def _nearest(leaf: Leaf, query: NDArray[np.float32], ef_search: int | None = None) -> Sequence[float]:
    """The distances of a leaf's NEAREST photos, ascending: by its index with this hnsw.ef_search, or exactly."""
    if ef_search is None:
        return scans.nearest(leaf.space, query, ScanPlan(frozenset({leaf.category_id})), NEAREST).distances
    return scans.nearest(
        leaf.space, query, ScanPlan(indexed={leaf.category_id: ef_search}), NEAREST, forced=True
    ).distances


def _recall(leaf: Leaf, query: NDArray[np.float32], exact: Sequence[float], ef_search: int) -> float:
    """Recall by distance: photos that show the same picture are equally right."""
    found = _nearest(leaf, query, ef_search)
    return min(1.0, sum(distance <= exact[-1] for distance in found) / len(exact)) if exact else 1.0


def prepare(space: Space) -> None:
    """Have every row written into the space from now on get its coarse vector, if the space has such.

    Raises partitions.Busy, and ml.projection.TooFewVectors in a space of too few photos.
    """
    if coarse.is_missing(space):
        coarse.make(space, vectors.sample(space, coarse.FITTED))


def _create(leaf: Leaf) -> None:
    key, dimensions = coarse.indexed(leaf.space)
    names = {"index": sql.Identifier(leaf.index_name), "leaf": sql.Identifier(leaf.name)}
    statement = sql.SQL(
        "CREATE INDEX CONCURRENTLY {index} ON {leaf} USING hnsw ({key} {operators}) WITH (m = 16, ef_construction = 64)"
    ).format(key=key, operators=sql.SQL(OPERATOR_CLASSES[Space.Metric(leaf.space.metric)]), **names)
    create(leaf.index_name, statement, partitions.rows(leaf), dimensions)


def create(name: str, statement: sql.Composed, rows: int, dimensions: int) -> None:
    """Create an HNSW index over so many vectors, concurrently, by a statement; one of that name is dropped first.

    Must run outside a transaction.
    """
    drop(name)  # A build that was stopped leaves an index that slows down every write.
    try:
        _execute(statement, rows, dimensions)
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.DiskFull):
            raise
        # Parallel workers share the graph in /dev/shm, of which a container has 64 MB.
        drop(name)
        _execute(statement, rows, dimensions, parallel=False)


def drop(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))


def _execute(statement: sql.Composed, rows: int, dimensions: int, parallel: bool = True) -> None:
    memory = min(MOST_MEMORY, rows * (2 * dimensions + NODE_BYTES))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('maintenance_work_mem',"
            " greatest(pg_size_bytes(current_setting('maintenance_work_mem')), %s) / 1024 || 'kB', false)",
            [memory],
        )
        if not parallel:
            cursor.execute("SET max_parallel_maintenance_workers = 0")
        try:
            cursor.execute(statement)
        finally:
            cursor.execute("RESET maintenance_work_mem")
            cursor.execute("RESET max_parallel_maintenance_workers")


def _vacuum(leaf: Leaf) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(leaf.name)))
