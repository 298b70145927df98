"""Leaves that have outgrown exact scans, and a look at what PostgreSQL holds of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import psycopg
import pytest
from django.db import connection

from catalog.models import Category, Photo, Product
from search import encoders
from search.models import Embedding
from search.store import partitions
from search.store.partitions import Leaf
from tests.grid_space import GridEncoder
from tests.made_up_photos import clustered, stock

ROWS = 400


class WideEncoder(GridEncoder):
    """Makes 512 dimensions of the 48."""

    def encode(self, images) -> np.ndarray:
        rows = super().encode(images) @ np.random.default_rng(0).normal(size=(48, 512))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def beside(work: Callable[[], object]) -> Future:
    """Run work in a thread with a connection of its own."""

    def run() -> object:
        try:
            return work()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    try:
        return pool.submit(run)
    finally:
        pool.shutdown(wait=False)


def asked(query: str, *parameters: str | int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def is_valid(leaf: Leaf) -> bool | None:
    """Whether the leaf's index is valid; None without one."""
    found = asked("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", leaf.index_name)
    return found[0][0] if found else None


def waits_for_batches() -> bool:
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    return bool(asked(waiting, partitions.BATCH_LOCK & 0xFFFFFFFF))


def lacking(leaf: Leaf) -> int:
    """The number of the leaf's rows that its index does not hold."""
    return Embedding.objects.filter(space_id=leaf.space.pk, category_id=leaf.category_id, coarse=None).count()


def memory() -> list[tuple]:
    return asked("SELECT current_setting('maintenance_work_mem'), current_setting('max_parallel_maintenance_workers')")


def move(photos: list[Photo], category: Category) -> None:
    Product.objects.filter(photos__in=photos).update(category=category)


@pytest.fixture
def lamps(wide, category, monkeypatch) -> Leaf:
    """A leaf of ROWS lamps, without an index."""
    monkeypatch.setattr(encoders, "encoder_for", lambda space: WideEncoder())
    stock(wide, category("lamp"), clustered(ROWS, wide.dimensions))
    return Leaf(wide, category("lamp").pk)


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    """A connection of another process."""
    parameters = connection.get_connection_params() | {"cursor_factory": None}
    with psycopg.connect(**parameters, autocommit=True) as opened:
        yield opened
