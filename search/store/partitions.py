"""The embedding table's partitions, made and dropped while searches and writes go on.

``search_embedding`` is LIST-partitioned by space, and each space by category. A leaf holds one category's vectors with
its own index, so a search inside a category scans one small index, and a space is dropped in one statement.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import uniform

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg import errors, sql

from search.models import Embedding, Space

TABLE = Embedding._meta.db_table
# A vector of more than 3,920 halves does not fit into a page with its coarse one. It is stored EXTERNAL, off its row.
PAGE_DIMENSIONS = 3_900
# A leaf of up to this many rows is scanned whole, in 2 ms. With 500 an index is as fast, with 2,000 nearly three times
# as fast. But only the scan finds all, and costs nothing to write into (python -m benchmarks.speed search).
EXACT_ROWS = 1_000
# Dropping a partition locks the whole table, and what waits for that lock holds up every search behind it. So a drop
# waits for a moment only, less than PostgreSQL's deadlock_timeout, and tries again after seconds.
LOCK_WAIT, LOCK_TRIES = "100ms", 40
BATCH_WAIT = "60s"  # a batch of 64 photos takes 3 s on 2 cores, one of VGG16 13 s
# Keys of PostgreSQL advisory locks: two processes never shape the table at once.
SHAPE_LOCK, BATCH_LOCK = 0x4C414D5001, 0x4C414D5003
IMPORT_LOCK = 0x4C414D5005
TRAINING_LOCKS = 0x4C414D50  # with the id of the space it makes a key: a pair of four bytes each


@dataclass(frozen=True)
class Leaf:
    """The partition of one category in one space."""

    space: Space
    category_id: int

    @property
    def name(self) -> str:
        return f"{branch_name(self.space)}_c{self.category_id}"

    @property
    def index_name(self) -> str:
        return f"{self.name}_hnsw"


@dataclass(frozen=True)
class Size:
    """What a space takes on disk, in bytes."""

    vectors: int
    indexes: int
    """HNSW and primary keys."""


class Busy(Exception):  # noqa: N818  it names the state of the table
    """Searches and writes left no moment to lock the table."""


def branch_name(space: Space) -> str:
    """The partition that holds all of a space."""
    return f"{TABLE}_s{space.pk}"


def leaves(space: Space) -> list[Leaf]:
    """The leaves that exist, in order of category id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(inhrelid::regclass::text FROM '_c(\\d+)$')::bigint FROM pg_inherits"
            " WHERE inhparent = to_regclass(%s) ORDER BY 1",
            [branch_name(space)],
        )
        return [Leaf(space, category_id) for (category_id,) in cursor.fetchall()]


def ensure(space: Space, categories: Iterable[int]) -> set[int]:
    """Make the leaves that are missing. Returns the categories that have one now: none once the space was dropped.

    A partition is made apart and then attached, so that searches and writes go on. The shorter
    CREATE TABLE ... PARTITION OF would stop them. Each has a transaction of its own, since attaching locks out uploads.
    """
    wanted = set(categories)
    present = {leaf.category_id for leaf in leaves(space)}
    for category_id in sorted(wanted - present):
        if not _make(Leaf(space, category_id)):
            return set()
    return wanted | present


def _make(leaf: Leaf) -> bool:
    """Make a leaf, and the branch if need be, unless they exist. False when the space was dropped."""
    space, branch = leaf.space, branch_name(leaf.space)
    with transaction.atomic(), connection.cursor() as cursor:
        lock_shape()
        if not Space.objects.filter(pk=space.pk).exists():
            return False
        if not _exists(cursor, branch):
            _create_like_parent(cursor, branch, "PARTITION BY LIST (category_id)")
            _attach(cursor, TABLE, branch, space.pk)
        if not _exists(cursor, leaf.name):
            _create_like_parent(cursor, leaf.name)
            _check_dimensions(cursor, leaf)
            if space.dimensions > PAGE_DIMENSIONS:
                _store_externally(cursor, leaf)
            _attach(cursor, branch, leaf.name, leaf.category_id)
    return True


def lock_shape() -> None:
    """Have this transaction be the only one that makes or drops partitions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SHAPE_LOCK])


def lock_out_drops() -> None:
    """Have drops wait for the end of this transaction, which takes seconds, without locking the table meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [BATCH_LOCK])


def drop_leaf(leaf: Leaf) -> None:
    """Drop a leaf with its vectors. Raises Busy."""
    when_free(lambda: _drop(leaf.name))


def drop_branch(space: Space) -> None:
    """Drop all vectors of a space in one statement; for use in `when_free`."""
    _drop(branch_name(space))


def size(space: Space) -> Size:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(pg_table_size(relid)), 0), coalesce(sum(pg_indexes_size(relid)), 0)"
            " FROM pg_partition_tree(to_regclass(%s))",
            [branch_name(space)],
        )
        vectors, indexes = cursor.fetchone()
        return Size(int(vectors), int(indexes))


def rows(leaf: Leaf) -> int:
    """How many photos the leaf holds; 0 if it was dropped."""
    with connection.cursor() as cursor:
        if not _exists(cursor, leaf.name):
            return 0
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(leaf.name)))
        return int(cursor.fetchone()[0])


def has_index(leaf: Leaf) -> bool:
    """Whether the leaf has a complete HNSW index."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_index WHERE indisvalid AND indexrelid = to_regclass(%s))", [leaf.index_name]
        )
        return bool(cursor.fetchone()[0])


def is_large(leaf: Leaf) -> bool:
    """Whether the leaf has outgrown exact scans. Reads at most EXACT_ROWS + 1 rows; none if it was dropped."""
    with connection.cursor() as cursor:
        if not _exists(cursor, leaf.name):
            return False
        query = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT %s) AS some_rows")
        cursor.execute(query.format(sql.Identifier(leaf.name)), [EXACT_ROWS + 1])
        return bool(cursor.fetchone()[0] > EXACT_ROWS)


@contextmanager
def alone(*key: int) -> Iterator[bool]:
    """Hold the lock of that key, one or two numbers, unless another process does. Yields whether it is held here."""
    numbers = ", ".join(["%s"] * len(key))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({numbers})", key)
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock({numbers})", key)


def training(space: Space) -> AbstractContextManager[bool]:
    """Whether this process is the only one to train the space's head now.

    The lock is an advisory one, not the row's, so that activating the space does not wait for minutes of training.
    """
    return alone(TRAINING_LOCKS, space.pk)


def importing() -> AbstractContextManager[bool]:
    """Whether this process is the only one to import now. It locks no rows, since it lasts over many transactions."""
    return alone(IMPORT_LOCK)


def _exists(cursor: CursorWrapper, table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
    return bool(cursor.fetchone()[0])


def _create_like_parent(cursor: CursorWrapper, table: str, partition_by: str = "") -> None:
    query = sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING STORAGE INCLUDING CONSTRAINTS) {}")
    cursor.execute(query.format(sql.Identifier(table), sql.Identifier(TABLE), sql.SQL(partition_by)))


def _check_dimensions(cursor: CursorWrapper, leaf: Leaf) -> None:
    query = sql.SQL("ALTER TABLE {} ADD CHECK (vector_dims(vector) = {})")
    cursor.execute(query.format(sql.Identifier(leaf.name), sql.Literal(leaf.space.dimensions)))


def _store_externally(cursor: CursorWrapper, leaf: Leaf) -> None:
    query = sql.SQL("ALTER TABLE {} ALTER COLUMN vector SET STORAGE EXTERNAL")
    cursor.execute(query.format(sql.Identifier(leaf.name)))


def _drop(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))


def when_free(change: Callable[[], None]) -> None:
    """Make a change that locks the whole table, in a transaction of its own, without holding up searches for long.

    It waits for the batches that are being indexed first, which locks out no search. Raises Busy.
    """
    for attempt in range(LOCK_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [BATCH_WAIT])
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [BATCH_LOCK])
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [LOCK_WAIT])
                change()
        except OperationalError as error:
            if not isinstance(error.__cause__, errors.LockNotAvailable):
                raise
            time.sleep(uniform(0.5, 1) * min(attempt + 1, 3))  # Those that waited behind us go first.
        else:
            return
    raise Busy("The table is in use all the time: try again later.")


def _attach(cursor: CursorWrapper, parent: str, partition: str, value: int) -> None:
    query = sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES IN ({})")
    cursor.execute(query.format(sql.Identifier(parent), sql.Identifier(partition), sql.Literal(value)))
