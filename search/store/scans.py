"""Scans: one statement that ranks the photos of some leaves by their distance to a vector.

A leaf without an index is scanned whole. In a space of long vectors an index is searched in two stages: it names
candidates by their coarse vectors, and their full vectors rank them. The statement contains the filters. It goes to
PostgreSQL in binary, together with its settings, in one round trip.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import psycopg
from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection
from django.db.models import Q
from django.db.models.sql import Query
from pgvector import HalfVector
from psycopg import sql

from catalog import shown_fields
from catalog.models import Category, Photo, Product
from search.models import Embedding, Space, Threshold
from search.store import binary, coarse

OPERATORS = {Space.Metric.COSINE: "<=>", Space.Metric.L2: "<->"}
MOST_EF = 1_000  # pgvector's limit of hnsw.ef_search.
# The fields that a hit shows. The others, descriptions of kilobytes among them, are deferred.
PHOTO = (Photo, ("id", "product", "file", "sha256", "width", "height", "fingerprint", "position"))
PRODUCT = (Product, ("id", *shown_fields.FIELDS))
CATEGORY = (Category, ("id", "slug", "name"))
# Where these fields stand in a row's values.
FINGERPRINT, PRODUCT_ID = PHOTO[1].index("fingerprint"), len(PHOTO[1])
CATEGORY_ID = PRODUCT_ID + PRODUCT[1].index("category")
# Iterative scans go on until they have their rows, or have looked at hnsw.max_scan_tuples (20,000). JIT compilation
# costs 100 ms, and starting parallel workers more than the scan of a leaf; both pay only for far longer queries.
SETTINGS = """SELECT set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'strict_order', true),
    set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true)"""
FORCED = f"{SETTINGS}, set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"
QUERY = sql.SQL("""
    SELECT seen, distance, ranked.category_id, {photo_fields}, {product_fields}
    FROM ({ranked}) ranked
    JOIN {photo} photo ON photo.id = ranked.photo_id JOIN {product} product ON product.id = photo.product_id
    ORDER BY distance, ranked.photo_id
""")
# A single scan. Whoever reads its rows counts them.
ONE = sql.SQL("SELECT *, NULL AS seen FROM {scans} candidate ORDER BY distance, photo_id LIMIT %s")
# Several scans, merged. Each row tells how many rows its leaf gave, and the nearest row of each leaf is among them.
MERGED = sql.SQL("""
    SELECT * FROM (
        SELECT *, count(*) OVER leaf AS seen, row_number() OVER (leaf ORDER BY distance, photo_id) AS place_in_leaf,
            row_number() OVER (ORDER BY distance, photo_id) AS place
        FROM ({scans}) candidate
        WINDOW leaf AS (PARTITION BY category_id)
    ) numbered
    WHERE place <= %s OR place_in_leaf = 1
""")
CATEGORIES = sql.SQL("""
    SELECT min_similarity, {category_fields}
    FROM {category} category LEFT JOIN {threshold} threshold ON category_id = category.id AND space_id = {space}
    WHERE category.id IN ({categories})
""")
SCAN = sql.SQL("""
    (SELECT embedding.photo_id, embedding.category_id, embedding.vector {operator} %s AS distance
    FROM {embedding} embedding {joins}
    WHERE embedding.space_id = {space} AND embedding.category_id IN ({categories}) {conditions}
    ORDER BY {order} LIMIT %s)
""")
# The product's table goes by its own name, as in the conditions that Django writes.
JOINS = sql.SQL("""
    JOIN {photo} photo ON photo.id = embedding.photo_id JOIN {product} ON {product}.id = photo.product_id
""")
TABLES = {
    name: sql.Identifier(model._meta.db_table)
    for name, model in {
        "photo": Photo,
        "product": Product,
        "category": Category,
        "threshold": Threshold,
        "embedding": Embedding,
    }.items()
}


NO_FILTERS = Q()


@dataclass(frozen=True)
class ScanPlan:
    """How the leaves of some categories are scanned."""

    exact: frozenset[int] = frozenset()
    """Categories scanned whole."""
    indexed: Mapping[int, int] = field(default_factory=dict)
    """Categories scanned by their HNSW index: category id -> the hnsw.ef_search that it needs."""

    @property
    def categories(self) -> frozenset[int]:
        return self.exact | self.indexed.keys()

    def candidates(self, size: int) -> int:
        """How many photos each index names so that `size` are found."""
        return max(size, *self.indexed.values()) if self.indexed else 0

    def ef_search(self, size: int) -> int:
        """One value for all of them, since a statement has but one. Beyond MOST_EF, scans go on by themselves."""
        return max(1, min(MOST_EF, self.candidates(size)))

    def of(self, categories: Collection[int]) -> "ScanPlan":
        """The plan for those of its categories that are among these."""
        indexed = {category: ef for category, ef in self.indexed.items() if category in categories}
        return ScanPlan(self.exact & frozenset(categories), indexed)

    def exactly(self, categories: Collection[int]) -> "ScanPlan":
        """The same plan, with these of its categories scanned whole."""
        return ScanPlan(self.exact | frozenset(categories), self.of(self.categories - frozenset(categories)).indexed)


@dataclass(frozen=True)
class Shelf:
    """A category that is searched."""

    category: Category
    min_similarity: float | None
    """The category's own threshold."""


class NearestPhoto(NamedTuple):
    """A photo near the query, with its product."""

    distance: float
    shelf: Shelf
    values: Sequence[Any]

    @property
    def photo_id(self) -> int:
        return int(self.values[0])

    @property
    def product_id(self) -> int:
        product: int = self.values[PRODUCT_ID]
        return product

    @property
    def category_id(self) -> int:
        return self.shelf.category.pk

    @property
    def fingerprint(self) -> bytes:
        data: bytes = self.values[FINGERPRINT]
        return data

    def photo(self) -> Photo:
        """The photo, with its product and the product's category."""
        photo = binary.instance(*PHOTO, self.values)
        photo.product = binary.instance(*PRODUCT, self.values[len(PHOTO[1]) :])
        photo.product.category = self.shelf.category
        return photo


@dataclass(frozen=True)
class Ranking:
    """The photos nearest to a vector."""

    photos: Sequence[NearestPhoto]
    """By rising distance, then photo id; without photos whose product has moved to another category."""
    distances: Sequence[float]
    """The distances of all photos found, ascending. They are fewer than asked for where there are no more."""
    short: frozenset[int]
    """Categories whose index gave out before it found all photos that may belong among these."""


def nearest(
    space: Space,
    vector: np.ndarray,
    plan: ScanPlan,
    size: int,
    *,
    filters: Q = NO_FILTERS,
    exclude: Product | None = None,
    forced: bool = False,
) -> Ranking:
    """The `size` photos nearest to `vector`, (space.dimensions,), without those of `exclude`.

    `forced` has PostgreSQL take an index even where it thinks that another way is faster.
    """
    if not plan.categories:
        return Ranking((), (), frozenset())
    query, parameters = statement(space, vector, plan, size, filters=filters, exclude=exclude)
    with binary.cursor() as cursor, binary.cursor() as shelves:
        # What a pipeline sends at once is one transaction, and the settings end with it. A session's own would leak to
        # the pooled connection's next user.
        with cursor.connection.pipeline():
            settings = psycopg.Cursor(cursor.connection)
            settings.execute(FORCED if forced else SETTINGS, [str(plan.ef_search(size))])
            shelves.execute(CATEGORIES.format(**_names(space), categories=_literals(plan.categories)))
            cursor.execute(query, parameters)
        searched = {row[1]: Shelf(binary.instance(*CATEGORY, row[1:]), row[0]) for row in shelves.fetchall()}
        found = cursor.fetchall()
    near = found[:size]
    return Ranking(_in_place(near, searched), [row[1] for row in near], _short(plan, found, size))


def statement(
    space: Space,
    vector: np.ndarray,
    plan: ScanPlan,
    size: int,
    *,
    filters: Q = NO_FILTERS,
    exclude: Product | None = None,
) -> tuple[sql.Composed, list[Any]]:
    """What `nearest` asks: the query and its parameters."""
    clauses, values = conditions(filters, exclude)
    names = _names(space)

    def scan(categories: Collection[int], order: sql.Composable) -> sql.Composed:
        return SCAN.format(
            joins=JOINS.format(**names) if clauses else sql.SQL(""),
            categories=_literals(categories),
            conditions=sql.SQL("").join(clauses),
            order=order,
            **names,
        )

    scans: list[sql.Composable] = []
    parameters: list[Any] = []
    if plan.exact:
        scans.append(scan(plan.exact, sql.SQL("distance, photo_id")))
        parameters += [HalfVector(vector), *values, size]
    # Each index has a scan of its own: in a common one, candidates of one category would push out those of another.
    order = sql.SQL("{} {} %s").format(coarse.indexed(space)[0], names["operator"])
    for category in sorted(plan.indexed):
        scans.append(scan([category], order))
        parameters += [HalfVector(vector), *values, HalfVector(coarse.as_indexed(space, vector)), plan.candidates(size)]
    ranked = (MERGED if len(scans) > 1 else ONE).format(scans=sql.SQL(" UNION ALL ").join(scans))
    return QUERY.format(ranked=ranked, **names), [*parameters, size]


def conditions(filters: Q, exclude: Product | None = None) -> tuple[list[sql.Composable], list[Any]]:
    """What a product must be, as SQL and its parameters. Django writes the SQL of the filters."""
    clauses: list[sql.Composable] = []
    parameters: list[Any] = []
    if filters:
        query = Query(Product)
        try:
            clause, given = query.build_where(filters).as_sql(query.get_compiler(connection=connection), connection)
        except EmptyResultSet:
            clause, given = "FALSE", ()
        except FullResultSet:
            clause, given = "TRUE", ()
        clauses.append(sql.SQL(f" AND {clause}"))
        parameters += given
    if exclude:
        clauses.append(sql.SQL(" AND {product}.id <> %s").format(**TABLES))
        parameters.append(exclude.pk)
    return clauses, parameters


def _short(plan: ScanPlan, found: Sequence[Sequence[Any]], size: int) -> frozenset[int]:
    if len(plan.indexed) + bool(plan.exact) == 1:
        return frozenset(plan.indexed) if len(found) < size else frozenset()
    seen = {category: count for count, _, category, *_ in found}
    near = Counter(category for _, _, category, *_ in found[:size])
    # If a row found in a leaf is not among the nearest, none of its rows that were not found is: these are farther.
    return frozenset(
        category
        for category in plan.indexed
        if seen.get(category, 0) < plan.candidates(size) and near[category] == seen.get(category, 0)
    )


def _in_place(found: Iterable[Sequence[Any]], searched: Mapping[int, Shelf]) -> list[NearestPhoto]:
    """The photos found, without those of products that moved to another category.

    The next indexing files these under the new category. Until then they are no match under the former one.
    """
    return [
        NearestPhoto(distance, searched[filed_under], values)
        for _, distance, filed_under, *values in found
        if values[CATEGORY_ID] == filed_under and filed_under in searched
    ]


def _names(space: Space) -> dict[str, sql.Composable]:
    operator = sql.SQL(OPERATORS[Space.Metric(space.metric)])
    return {**TABLES, **FIELDS, "space": sql.Literal(space.pk), "operator": operator}


def _literals(categories: Collection[int]) -> sql.Composable:
    """Ids as literals, not parameters: PostgreSQL then leaves out the other leaves when it plans."""
    return sql.SQL(", ").join(map(sql.Literal, sorted(categories)))


FIELDS = {
    "photo_fields": binary.fields("photo", *PHOTO),
    "product_fields": binary.fields("product", *PRODUCT),
    "category_fields": binary.fields("category", *CATEGORY),
}
