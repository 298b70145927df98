"""The vectors of products' texts: written, searched, and indexed once there are many.

An encoder has one HNSW index for all categories, since words are searched in all of them.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from django.db import connection, transaction
from django.db.models import Q
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import sql

from catalog.models import Product
from catalog.words import CONFIG
from ml.text_encoder import Floats, TextModel
from search.models import TextEmbedding
from search.store import binary, indexes, partitions
from search.store.passing import conditions
from search.store.scans import NO_FILTERS, SETTINGS

TABLES = {
    "embedding": sql.Identifier(TextEmbedding._meta.db_table),
    "product": sql.Identifier(Product._meta.db_table),
}
# Up to so many products are scanned whole, in a millisecond; 20,000 would take twenty.
EXACT_ROWS = 1_000
# hnsw.ef_search for each product asked for: with 2 the index finds all of the nearest 50, among 20,000 texts as among a
# million made-up ones (python -m benchmarks.speed words).
EF_SHARE = 2
BUILD_LOCK = 0x4C414D5006  # Key of a PostgreSQL advisory lock: two processes never build the index at once.
NEAREST = sql.SQL("""
    WITH word AS MATERIALIZED (
        SELECT query FROM unnest(%s::text[]) word, plainto_tsquery({config}, word) query WHERE numnode(query) > 0
    ), near AS MATERIALIZED (
        SELECT embedding.product_id, {vector} <=> %s AS distance
        FROM {embedding} embedding {join}
        WHERE embedding.encoder = {encoder} {conditions}
        ORDER BY {order} LIMIT %s
    )
    SELECT near.product_id, near.distance, (
        SELECT count(*) FILTER (WHERE {product}.search_vector @@ query) / greatest(1, count(*))::float FROM word
    )
    FROM near JOIN {product} ON {product}.id = near.product_id
    ORDER BY near.distance, near.product_id
""")
SIMILARITIES = sql.SQL("""
    SELECT embedding.product_id, 1 - ({vector} <=> %s)
    FROM {embedding} embedding WHERE embedding.encoder = {encoder} AND embedding.product_id = ANY(%s)
""")
JOIN = sql.SQL("JOIN {product} ON {product}.id = embedding.product_id").format(**TABLES)


def write(model: TextModel, rows: Sequence[tuple[int, str]], vectors: Floats) -> None:
    """Store the vectors, (n, dimensions), of n rows (product_id, digest of its texts); former ones are replaced."""
    statement = sql.SQL(
        "INSERT INTO {embedding} (product_id, encoder, digest, vector) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (product_id, encoder) DO UPDATE SET digest = excluded.digest, vector = excluded.vector"
    ).format(**TABLES)
    with transaction.atomic(savepoint=False), binary.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (product_id, model.fingerprint, digest, HalfVector(vector))
                for (product_id, digest), vector in zip(rows, vectors, strict=True)
            ],
        )


def nearest(
    model: TextModel,
    vector: NDArray[Any],
    words: Sequence[str],
    size: int,
    filters: Q = NO_FILTERS,
    exactly: bool = False,
) -> list[tuple[int, float, float]]:
    """The products whose texts are nearest to a vector, (dimensions,): id, cosine distance, share of the words in them.

    They come by rising distance. `filters` says what a product must be. The index is passed over if they are wanted
    `exactly`.
    """
    clauses, values = conditions(filters)
    query = NEAREST.format(
        config=sql.Literal(CONFIG),
        vector=_vector(model),
        order=sql.SQL("distance") if exactly else sql.SQL("{} <=> %s").format(_vector(model)),
        join=JOIN if clauses else sql.SQL(""),
        encoder=sql.Literal(model.fingerprint),
        conditions=sql.SQL("").join(clauses),
        **TABLES,
    )
    given = HalfVector(vector)
    with binary.cursor() as cursor:
        # What a pipeline sends at once is one transaction, and the settings end with it.
        with cursor.connection.pipeline():
            psycopg.Cursor(cursor.connection).execute(SETTINGS, [str(EF_SHARE * size)])
            cursor.execute(query, [list(words), given, *values, *([] if exactly else [given]), size])
        found = cursor.fetchall()
    if clauses and not exactly and len(found) < size:  # The index gave out before it found all that pass.
        return nearest(model, vector, words, size, filters, exactly=True)
    return found


def similarities(model: TextModel, vector: NDArray[Any], products: Collection[int]) -> dict[int, float]:
    """How similar the texts of these products are to a vector, (dimensions,): the cosine, by id.

    Products whose texts have no vector yet are left out.
    """
    query = SIMILARITIES.format(vector=_vector(model), encoder=sql.Literal(model.fingerprint), **TABLES)
    with binary.cursor() as cursor:
        cursor.execute(query, [HalfVector(vector), list(products)])
        return dict(cursor.fetchall())


def maintain(model: TextModel) -> str | None:
    """Build the index that many vectors lack. The index's name if it was built.

    Must run outside a transaction, as CREATE INDEX CONCURRENTLY does.
    """
    name = _index_name(model)
    with partitions.alone(BUILD_LOCK) as alone:
        rows = _rows(model) if alone else 0
        if rows <= EXACT_ROWS or _has_index(name):
            return None
        statement = sql.SQL(
            "CREATE INDEX CONCURRENTLY {index} ON {embedding} USING hnsw ({vector} halfvec_cosine_ops)"
            " WHERE encoder = {encoder}"
        ).format(index=sql.Identifier(name), vector=_column(model), encoder=sql.Literal(model.fingerprint), **TABLES)
        indexes.create(name, statement, rows, model.dimensions)
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("ANALYZE {embedding}").format(**TABLES))
    return name


def forget_others(model: TextModel) -> int:
    """Delete what other encoders made. Returns how many vectors that were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexname LIKE %s",
            [TextEmbedding._meta.db_table, _index_name(None)],
        )
        others = [name for (name,) in cursor.fetchall() if name != _index_name(model)]
    for name in others:
        indexes.drop(name)
    deleted, _ = TextEmbedding.objects.exclude(encoder=model.fingerprint).delete()
    return deleted


def _vector(model: TextModel) -> sql.Composed:
    return sql.SQL("(embedding.vector::halfvec({}))").format(sql.Literal(model.dimensions))


def _column(model: TextModel) -> sql.Composed:
    return sql.SQL("(vector::halfvec({}))").format(sql.Literal(model.dimensions))


def _index_name(model: TextModel | None) -> str:
    """The name of a model's index; without a model, a pattern of such names."""
    key = hashlib.sha256(model.fingerprint.encode()).hexdigest()[:12] if model else "%"
    return f"search_text_{key}_hnsw"


def _has_index(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        found = cursor.fetchone()
    return bool(found and found[0])


def _rows(model: TextModel) -> int:
    return TextEmbedding.objects.filter(encoder=model.fingerprint).count()
