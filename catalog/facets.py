"""Facets: the number of products found in each category, in stock, and with each attribute, their prices and numbers.

Each facet is counted as if its own filter were not set. A customer who ticked one colour still sees the others' counts.
"""

from itertools import groupby
from operator import itemgetter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection

from catalog import attributes, number_facets
from catalog.filters import Found
from catalog.models import Category, ProductQuerySet

Json = dict[str, Any]

# The commonest are answered. A page has no room for more.
MOST_NAMES = 20
MOST_VALUES = 50

CATEGORIES = f"""
    SELECT slug, name, count FROM (SELECT category_id, count(*) AS count FROM ({{matches}}) matches GROUP BY 1) counts
    JOIN {Category._meta.db_table} category ON category.id = category_id ORDER BY count DESC, slug
"""
STOCK = "SELECT in_stock, count(*) FROM ({matches}) matches GROUP BY 1 ORDER BY 1 DESC"
PRICES = "SELECT min(price)::text, max(price)::text FROM ({matches}) matches HAVING count(price) > 0"
ATTRIBUTES = f"""
    SELECT total, name, value, count FROM (
        SELECT *, dense_rank() OVER (ORDER BY total DESC, name) AS name_place FROM (
            SELECT *, sum(count) OVER (PARTITION BY name) AS total,
                row_number() OVER (PARTITION BY name ORDER BY count DESC, value) AS value_place
            FROM (
                SELECT name, value, count(*) AS count
                FROM ({{matches}}) matches, jsonb_each_text(attributes) AS pair (name, value)
                WHERE value IS NOT NULL AND {{names}} GROUP BY name, value
            ) counts
        ) totals
    ) ranked
    WHERE value_place <= {MOST_VALUES} AND name_place <= {MOST_NAMES} ORDER BY name_place, value_place
"""


def count(found: Found, matches: int) -> Json:
    """The facets of the products found. `matches` is their number."""
    prices = _rows(PRICES, found.without("price_min", "price_max"))
    return {
        "counted": min(matches, number_facets.MOST_COUNTED),
        "categories": [
            {"slug": slug, "name": name, "count": number}
            for slug, name, number in _rows(CATEGORIES, found.without("category"))
        ],
        "in_stock": [{"value": value, "count": number} for value, number in _rows(STOCK, found.without("in_stock"))],
        "price": {"min": prices[0][0], "max": prices[0][1]} if prices else None,
        "attributes": _attributes(found),
        "numbers": number_facets.count(found),
    }


def _attributes(found: Found) -> list[Json]:
    """The commonest names come first. Those that the request filters by are always among them.

    Attributes that are numbers are left out: each has a range (catalog.number_facets), not dozens of values.
    """
    facets: list[tuple[int, Json]] = []
    for name, pairs in found.wanted.items():
        facets += _ranked(found.without_attribute(name), "name = ANY(%s)", attributes.names({name: pairs}))
    told = [*attributes.names(found.wanted), *number_facets.attribute_names()]
    others = _ranked(found.without(), "name <> ALL(%s)", told)
    facets = facets[:MOST_NAMES] + others[: max(0, MOST_NAMES - len(facets))]
    return [facet for _, facet in sorted(facets, key=lambda facet: (-facet[0], facet[1]["name"]))]


def _ranked(products: ProductQuerySet, condition: str, names: list[str]) -> list[tuple[int, Json]]:
    """The facet of each name that meets the SQL condition on these names, after its number of products."""
    rows = _rows(ATTRIBUTES.replace("{names}", condition), number_facets.sample(products), names)
    return [
        (total, {"name": name, "values": [{"value": value, "count": number} for *_, value, number in values]})
        for (total, name), values in groupby(rows, key=itemgetter(0, 1))
    ]


def _rows(statement: str, products: ProductQuerySet, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows that the statement selects from these products."""
    try:
        query, own = products.values("category_id", "in_stock", "price", "attributes").query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{matches}", query), [*own, *parameters])
        return cursor.fetchall()
