"""Scans: one statement that ranks the photos of some leaves by their distance to a vector.

A leaf without an index is scanned whole. In a space of long vectors an index is searched in two stages: it names
candidates by their coarse vectors, and their full vectors rank them. It goes to PostgreSQL in binary, together with its
settings, in one round trip.

The statement contains the filters, and decides by them. It collects the products that pass, but no more than it pays to
compare one by one. Are these all, only their photos are compared, exactly. If there are more, the leaves are scanned,
and whether a product passes is asked photo by photo: so many pass that the scan of an index soon has its candidates.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np
import psycopg
from django.db.models import Q
from pgvector import HalfVector
from psycopg import sql

from catalog import shown_fields
from catalog.models import Category, Photo, Product
from search.models import Embedding, Space, Threshold
from search.store import binary, coarse, passing

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
# Under filters the order of an index is no matter, since candidates are ranked anew: with strict_order it passes over
# what it finds late, of the nearest 20 one in a hundred. It names twice as many candidates, and looks at five times as
# many photos at once: with 1.5 times as many, recall@20 was 0.9994 where half of 20,000 products pass.
FILTERED_SETTINGS = f"""{SETTINGS.replace("strict_order", "relaxed_order")},
    set_config('hnsw.max_scan_tuples', %s, true)"""
MORE_CANDIDATES, MORE_SEARCHED = 2, 5
# Comparing a photo that passes takes 1.6 us, and looking at one in an index 7. The scan of an index looks at candidates
# / (share that passes) photos, so both take as long where 2 sqrt(candidates * photos) photos pass. Comparing all finds
# all, so it is done a little beyond. So many photos an index's scan looks at, at most: if it has not found its
# candidates by then, those that pass are unlike the query.
PAYS = 2.6
LEAST_PHOTOS = 20_000
FORCED = f"{SETTINGS}, set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)"
QUERY = sql.SQL("""
    {few} SELECT seen, is_all, distance, ranked.category_id, {photo_fields}, {product_fields}
    FROM ({ranked}) ranked
    JOIN {photo} photo ON photo.id = ranked.photo_id JOIN {product} product ON product.id = photo.product_id
    ORDER BY distance, ranked.photo_id
""")
# A single scan. Whoever reads its rows counts them.
ONE = sql.SQL("SELECT *, NULL::bigint AS seen FROM {scans} candidate ORDER BY distance, photo_id LIMIT %s")
# Several scans, merged. Each row tells how many rows its leaf gave, and the nearest row of each leaf is among them.
MERGED = sql.SQL("""
    SELECT * FROM (
        SELECT *, count(*) OVER leaf AS seen, row_number() OVER (leaf ORDER BY distance, photo_id) AS place_in_leaf,
            row_number() OVER (ORDER BY distance, photo_id) AS place
        FROM {scans} candidate
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
    (SELECT embedding.photo_id, embedding.category_id, embedding.vector {operator} %s AS distance, {is_all} AS is_all
    FROM {embedding} embedding {joins}
    WHERE embedding.space_id = {space} AND embedding.category_id IN ({categories}) {conditions}
    ORDER BY {order} LIMIT %s)
""")
# The product's table goes by its own name, as in the conditions that Django writes.
JOINS = sql.SQL("""
    JOIN {photo} photo ON photo.id = embedding.photo_id JOIN {product} ON {product}.id = photo.product_id
""")
IS_FEW = sql.SQL(" AND embedding.photo_id = ANY ((SELECT photos FROM few)::bigint[])")
ARE_MANY = sql.SQL(" AND NOT EXISTS (SELECT FROM few)")
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
NEAREST_FIRST = sql.SQL("distance, photo_id")


@dataclass(frozen=True)
class ScanPlan:
    """How the leaves of some categories are scanned."""

    exact: frozenset[int] = frozenset()
    """Categories scanned whole."""
    indexed: Mapping[int, int] = field(default_factory=dict)
    """Categories scanned by their HNSW index: category id -> the hnsw.ef_search that it needs."""
    photos: int = field(default=0, compare=False)
    """How many photos these indexes hold, about."""

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
        return ScanPlan(self.exact & frozenset(categories), indexed, self.photos)

    def exactly(self, categories: Collection[int]) -> "ScanPlan":
        """The same plan, with these of its categories scanned whole."""
        others = self.of(self.categories - frozenset(categories))
        return ScanPlan(self.exact | frozenset(categories), others.indexed, self.photos)

    def filtered(self) -> "ScanPlan":
        """The same plan where products are filtered: each index names more candidates."""
        return ScanPlan(self.exact, {one: ceil(MORE_CANDIDATES * ef) for one, ef in self.indexed.items()}, self.photos)

    def pays(self, size: int) -> int:
        """How many photos are compared one by one rather than found by the indexes."""
        return max(1, ceil(PAYS * sqrt(max(size, self.candidates(size)) * max(self.photos, LEAST_PHOTOS))))


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
    thin: frozenset[int] = frozenset()
    """Categories whose index gave out, under filters, before it named its candidates: nearer ones may be missing."""


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
    plan = plan.filtered() if filters else plan
    query, parameters = statement(space, vector, plan, size, filters=filters, exclude=exclude)
    with binary.cursor() as cursor, binary.cursor() as shelves:
        # What a pipeline sends at once is one transaction, and the settings end with it. A session's own would leak to
        # the pooled connection's next user.
        with cursor.connection.pipeline():
            psycopg.Cursor(cursor.connection).execute(*_settings(plan, size, bool(filters), forced))
            shelves.execute(CATEGORIES.format(**_names(space), categories=_literals(plan.categories)))
            cursor.execute(query, parameters)
        searched = {row[1]: Shelf(binary.instance(*CATEGORY, row[1:]), row[0]) for row in shelves.fetchall()}
        found = cursor.fetchall()
    near, thin = found[:size], _thin(plan, found, size) if filters else frozenset()
    return Ranking(_in_place(near, searched), [row[2] for row in near], thin or _short(plan, found, size), thin)


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
    scans = _Scans(space, vector, passing.conditions(filters, exclude))
    if filters:
        scans.of_few(plan, size, filters, exclude)
    if plan.exact:
        scans.whole(plan.exact, size)
    # Each index has a scan of its own: in a common one, candidates of one category would push out those of another.
    for category in sorted(plan.indexed):
        scans.by_index(category, plan.candidates(size))
    return scans.merged(size)


class _Scans:
    """The scans of a statement, as they are put together."""

    def __init__(self, space: Space, vector: np.ndarray, given: tuple[list[sql.Composable], list[Any]]) -> None:
        """`given` are the conditions on products and their parameters."""
        self.space, self.vector, self.names = space, vector, _names(space)
        clauses, self.values = given
        self.clauses = sql.SQL("").join(clauses)
        self.is_narrowed = bool(clauses)
        # How an index's scan asks whether a photo's product passes: conditions, joins, and the parameters of both.
        self.checks: tuple[sql.Composable, sql.Composable | None, list[Any]]
        self.checks = self.clauses, JOINS if clauses else None, self.values
        self.few: sql.Composable = sql.SQL("")
        self.gate: sql.Composable = sql.SQL("")
        self.scans: list[sql.Composable] = []
        self.parameters: list[Any] = []

    def of_few(self, plan: ScanPlan, size: int, filters: Q, exclude: Product | None) -> None:
        """Compare the photos of the products that pass, if that pays; all other scans are made only if it does not."""
        self.few, values = passing.of_few(filters, plan.categories, plan.pays(size), exclude)
        self.parameters += values
        self._add(plan.categories, IS_FEW, NEAREST_FIRST, is_all=True)
        self.parameters += [HalfVector(self.vector), size]
        self.gate = ARE_MANY
        self.checks = ARE_MANY, *passing.checks(filters, exclude)

    def whole(self, categories: Collection[int], size: int) -> None:
        """Compare all photos of these categories."""
        self._add(categories, self.clauses + self.gate, NEAREST_FIRST, JOINS if self.is_narrowed else None)
        self.parameters += [HalfVector(self.vector), *self.values, size]

    def by_index(self, category: int, candidates: int) -> None:
        """Have the category's index name candidates."""
        order = sql.SQL("{} {} %s").format(coarse.indexed(self.space)[0], self.names["operator"])
        near = HalfVector(coarse.as_indexed(self.space, self.vector))
        conditions, joins, values = self.checks
        self._add([category], conditions, order, joins)
        self.parameters += [HalfVector(self.vector), *values, near, candidates]

    def merged(self, size: int) -> tuple[sql.Composed, list[Any]]:
        scans = sql.SQL("({})").format(sql.SQL(" UNION ALL ").join(self.scans))
        ranked = (MERGED if len(self.scans) > 1 else ONE).format(scans=scans)
        return QUERY.format(few=self.few, ranked=ranked, **self.names), [*self.parameters, size]

    def _add(
        self,
        categories: Collection[int],
        conditions: sql.Composable,
        order: sql.Composable,
        joins: sql.Composable | None = None,
        is_all: bool = False,
    ) -> None:
        if isinstance(joins, sql.SQL):
            joins = joins.format(**self.names)
        self.scans.append(
            SCAN.format(
                joins=joins or sql.SQL(""),
                categories=_literals(categories),
                conditions=conditions,
                order=order,
                is_all=sql.Literal(is_all),
                **self.names,
            )
        )


def _settings(plan: ScanPlan, size: int, is_filtered: bool, forced: bool) -> tuple[str, list[str]]:
    if not is_filtered:
        return FORCED if forced else SETTINGS, [str(plan.ef_search(size))]
    searched = min(MOST_EF, MORE_SEARCHED * max(plan.indexed.values(), default=1))
    return FILTERED_SETTINGS, [str(max(searched, plan.ef_search(size))), str(plan.pays(size))]


def _thin(plan: ScanPlan, found: Sequence[Sequence[Any]], size: int) -> frozenset[int]:
    if found and found[0][1]:  # All that pass were compared.
        return frozenset()
    seen = {category: count for count, _, _, category, *_ in found}
    return frozenset(category for category in plan.indexed if seen.get(category, 0) < plan.candidates(size))


def _short(plan: ScanPlan, found: Sequence[Sequence[Any]], size: int) -> frozenset[int]:
    if found and found[0][1]:  # All that pass were compared.
        return frozenset()
    if len(plan.indexed) + bool(plan.exact) == 1:
        return frozenset(plan.indexed) if len(found) < size else frozenset()
    seen = {category: count for count, _, _, category, *_ in found}
    near = Counter(category for _, _, _, category, *_ in found[:size])
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
        for _, _, distance, filed_under, *values in found
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
