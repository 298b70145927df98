"""Which products pass the filters: as conditions, as a set of them, and asked of one photo's product."""

from collections.abc import Collection
from typing import Any, cast

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.sql import Query
from psycopg import sql

from catalog.models import Photo, Product

Asked = tuple[sql.Composable, list[Any]]
"""SQL and its parameters."""
TABLES = {"photo": sql.Identifier(Photo._meta.db_table), "product": sql.Identifier(Product._meta.db_table)}
# Asked photo by photo, whatever PostgreSQL expects of the conditions: LIMIT keeps it from joining sets of products.
CHECKED = sql.SQL("""
    JOIN {photo} photo ON photo.id = embedding.photo_id
    CROSS JOIN LATERAL (SELECT FROM {product} WHERE {product}.id = photo.product_id {conditions} LIMIT 1) passing
""")
# The same where the filters are sets of products: a look into each set. Its own index serves it.
OWN_PHOTO = sql.SQL("JOIN {photo} photo ON photo.id = embedding.photo_id {but}")
IN_SET = sql.SQL("""
    CROSS JOIN LATERAL (
        SELECT FROM ({products}) own (product_id) WHERE own.product_id = photo.product_id LIMIT 1
    ) {name}
""")
# The photos of the products that pass, if they are few; otherwise no row. Arrays, so that an index is always asked for
# them. OFFSET has the photos collected once.
FEW = sql.SQL("""
    WITH passing AS MATERIALIZED (SELECT ARRAY(SELECT * FROM ({products}) product LIMIT %s) AS products),
    few AS MATERIALIZED (
        SELECT photos FROM passing, LATERAL (
            SELECT ARRAY(SELECT id FROM {photo} WHERE product_id = ANY (products) {but} LIMIT %s) AS photos OFFSET 0
        ) own
        WHERE cardinality(products) <= %s AND cardinality(photos) <= %s
    )
""")


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


def of_few(filters: Q, categories: Collection[int], most: int, exclude: Product | None = None) -> Asked:
    """The CTE `few`: one row with the photos of all products that pass, if neither are more than `most`; else none."""
    products, values = passing(filters, categories)
    return FEW.format(products=products, but=_but(exclude), **TABLES), [*values, most + 1, most + 1, most, most]


def checks(filters: Q, exclude: Product | None = None) -> Asked:
    """Joins that keep the rows of `embedding` whose product passes, asked row by row."""
    sets = _sets(filters)
    if sets is None:
        clauses, values = conditions(filters, exclude)
        return CHECKED.format(conditions=sql.SQL("").join(clauses), **TABLES), values
    joins: list[sql.Composable] = [OWN_PHOTO.format(but=_but(exclude), **TABLES)]
    parameters: list[Any] = []
    for place, products in enumerate(sets):
        query, own = products.query.sql_with_params()
        joins.append(IN_SET.format(products=sql.SQL(query), name=sql.Identifier(f"passing_{place}")))
        parameters += own
    return sql.SQL(" ").join(joins), parameters


def _but(exclude: Product | None) -> sql.Composable:
    return sql.SQL("AND product_id <> {}").format(sql.Literal(exclude.pk)) if exclude else sql.SQL("")


def passing(filters: Q, categories: Collection[int]) -> tuple[sql.Composable, list[Any]]:
    """The ids of the products that pass, as SQL and its parameters.

    Filters that are sets of products alone, such as bounds of numbers, are read from the index of these. Products of
    other categories are among them.
    """
    sets = _sets(filters) or []
    if len(sets) == 1 or (sets and not any(one.query.combinator for one in sets)):  # A union cannot be narrowed.
        rows: QuerySet[Any, Any] = sets[0]
        for other in sets[1:]:
            rows = rows.filter(product__in=other)
    else:
        rows = Product.objects.filter(filters, category__in=categories).order_by().values("pk")
    try:
        query, parameters = rows.query.sql_with_params()
    except EmptyResultSet:
        return sql.SQL("SELECT NULL::bigint WHERE FALSE"), []
    return sql.SQL(query), list(parameters)


def _sets(filters: Q) -> list[QuerySet[Any, Any]] | None:
    """The sets of products that the filters come to; None if they ask for anything else."""
    if filters.connector != Q.AND or filters.negated:
        return None
    sets = []
    for child in filters.children:
        if isinstance(child, Q):
            if (within := _sets(child)) is None:
                return None
            sets += within
        else:
            name, value = cast(tuple[str, Any], child)
            if name != "pk__in" or not isinstance(value, QuerySet):
                return None
            sets.append(value)
    return sets
