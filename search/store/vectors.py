"""Stored vectors in PostgreSQL's binary form, in and out.

Through the ORM a vector travels as text: 20 kB for 2,048 numbers, which arrive as a list. In binary, 1,000 of them are
written 30 times and read 15 times as fast (python -m benchmarks.speed index).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import transaction
from django.db.models import QuerySet
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql
from psycopg.types.numeric import Int8

from catalog.models import Product
from ml.sampling import sampled
from search.models import COARSE_DIMENSIONS, Embedding, Space
from search.store import coarse, partitions
from search.store.binary import cursor

Floats = NDArray[np.float32]

HEADER = 2  # A halfvec in binary form begins with two numbers of two bytes: its dimensions and a zero.
FETCHED = 1000  # Vectors read at once: 4 MB with 2,048 dimensions, and 8 MB more as float32.
# PostgreSQL's page and its header, in bytes; the bytes of a row's pointer, header and three ids.
PAGE_BYTES, PAGE_HEADER, ROW_BYTES = 8_192, 24, 4 + 24 + 24


def from_binary(data: bytes) -> Floats:
    """The vector as float32, (dimensions,)."""
    return HalfVector.from_binary(data).to_numpy().astype(np.float32)


def write(space: Space, rows: Sequence[tuple[int, int]], vectors: NDArray[np.floating]) -> None:
    """Store the vectors, (n, dimensions), of n rows (photo_id, category_id); those stored before are replaced.

    Raises IntegrityError when a photo or a leaf is gone, or the dimensions are not the space's.
    """
    if not rows:
        return
    table, space_id = sql.Identifier(Embedding._meta.db_table), Int8(space.pk)
    # The categories are literals, so that no other leaf is looked into.
    replaced = sql.SQL("DELETE FROM {} WHERE space_id = {} AND category_id IN ({}) AND photo_id = ANY(%s::bigint[])")
    categories = sql.SQL(", ").join(sorted({category_id for _, category_id in rows}))
    copy = sql.SQL("COPY {} (photo_id, category_id, space_id, vector, coarse) FROM STDIN (FORMAT binary)").format(table)
    made = coarse.of(space, vectors)
    nearly = [None] * len(rows) if made is None else map(HalfVector, made)
    with transaction.atomic(savepoint=False), cursor() as binary:
        binary.execute(replaced.format(table, space.pk, categories), [[photo_id for photo_id, _ in rows]])
        with binary.copy(copy) as stream:
            for (photo_id, category_id), vector, near in zip(rows, map(HalfVector, vectors), nearly, strict=True):
                stream.write_row((Int8(photo_id), Int8(category_id), space_id, vector, near))


def fetch(rows: QuerySet[Any, Any]) -> list[tuple[Any, ...]]:
    """The rows of a `values_list`, vectors among them as bytes."""
    try:
        query, parameters = rows.query.sql_with_params()
    except EmptyResultSet:
        return []
    with cursor() as binary:
        return binary.execute(query, parameters).fetchall()


def stacked(vectors: Sequence[bytes], dimensions: int) -> Floats:
    """The vectors as float32, (n, dimensions)."""
    halves = np.frombuffer(b"".join(vectors), ">f2").reshape(-1, HEADER + dimensions)
    return halves[:, HEADER:].astype(np.float32)


def read(space: Space, photo_ids: Sequence[int]) -> tuple[NDArray[np.int64], Floats]:
    """The ids, (n,), and vectors, (n, dimensions), of those photos that are indexed; ids ascend if `photo_ids` do."""
    ids: list[int] = []
    parts = [np.empty((0, space.dimensions), np.float32)]
    for start in range(0, len(photo_ids), FETCHED):
        wanted = Embedding.objects.filter(space_id=space.pk, photo_id__in=photo_ids[start : start + FETCHED])
        found = fetch(wanted.order_by("photo_id").values_list("photo_id", "vector"))
        ids.extend(photo_id for photo_id, _ in found)
        parts.append(stacked([vector for _, vector in found], space.dimensions))
    return np.array(ids, np.int64), np.concatenate(parts)


def sample(space: Space, most: int, category_id: int | None = None, seed: int = 0) -> Floats:
    """Vectors of at most `most` photos of a space or a category, drawn at random: (n, dimensions), by photo id."""
    rows = Embedding.objects.filter(space_id=space.pk).order_by("photo_id")
    if category_id is not None:
        rows = rows.filter(category_id=category_id)
    ids = sampled(np.array(rows.values_list("photo_id", flat=True), np.int64), most, seed)
    return read(space, ids.tolist())[1]  # Photos deleted meanwhile are left out.


def fill_coarse(space: Space, category_id: int) -> None:
    """Give the rows of a category the coarse vectors that they lack, FETCHED rows a transaction.

    Does nothing in a space without a projection to coarse vectors (search.store.coarse).
    """
    projection = coarse.projection(space)
    if projection is None:
        return
    lacking = Embedding.objects.filter(space_id=space.pk, category_id=category_id, coarse=None).order_by("photo_id")
    last = 0
    while found := fetch(lacking.filter(photo_id__gt=last).values_list("photo_id", "vector")[:FETCHED]):
        ids = [photo_id for photo_id, _ in found]
        made = projection.apply(stacked([vector for _, vector in found], space.dimensions), normalize=False)
        given = sql.SQL(", ").join([sql.SQL("(%s::bigint, %s::halfvec)")] * len(ids))
        update = sql.SQL(
            "UPDATE {table} SET coarse = given.coarse FROM (VALUES {given}) AS given (photo_id, coarse)"
            " WHERE {table}.photo_id = given.photo_id AND space_id = {space} AND category_id = {category}"
            " AND {table}.coarse IS NULL"  # A coarse vector written since we read is of a newer vector.
        ).format(
            table=sql.Identifier(Embedding._meta.db_table),
            given=given,
            space=sql.Literal(space.pk),
            category=sql.Literal(category_id),
        )
        with cursor() as binary:
            binary.execute(update, [value for pair in zip(ids, map(HalfVector, made), strict=True) for value in pair])
        last = ids[-1]


def of_product(space: Space, product: Product, photo: int | None = None) -> Floats | None:
    """The vector, (dimensions,), of this photo of the product, or of its first indexed one; None without one."""
    own = Embedding.objects.filter(
        space_id=space.pk, category_id=product.category_id, photo__product_id=product.pk
    ).order_by("photo__position", "photo_id")
    if photo is not None:
        own = own.filter(photo_id=photo)
    found = fetch(own.values_list("vector")[:1])
    return from_binary(found[0][0]) if found else None


def bytes_on_disk(dimensions: int) -> int:
    """About how many bytes the vector of one photo takes in a leaf, without indexes.

    A row is never split between pages: with 2,048 dimensions (4,104 bytes) only one fits into a page. A vector that is
    stored externally is cut into chunks of 2,000 bytes, four to a page.
    """
    vector = 8 + 2 * dimensions
    near = 8 + 2 * COARSE_DIMENSIONS if coarse.has_coarse(dimensions) else 0
    if dimensions > partitions.PAGE_DIMENSIONS:
        return ROW_BYTES + near + -(-vector // 2_000) * PAGE_BYTES // 4
    row = ROW_BYTES + near + -(-vector // 8) * 8
    return PAGE_BYTES // ((PAGE_BYTES - PAGE_HEADER) // row)
