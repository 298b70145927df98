"""Facets: the number of products found in each category, in stock, and with each attribute, and their prices.

Each facet is counted as if its own filter were not set. A customer who ticked one colour still sees the others' counts.
"""

from itertools import groupby
from operator import itemgetter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Func, IntegerField

from catalog import attributes
from catalog.attributes import Wanted
from catalog.filters import Found
from catalog.models import Category, ProductQuerySet

Json = dict[str, Any]

# Attributes are counted in a sample of this size at most. A product has dozens, and millions may be found.
MOST_COUNTED = 10_000
# Scatters the products. The sample is not what was imported first, and it is the same for every request.
SCATTERED = Func("pk", function="hashint8", output_field=IntegerField())
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
        "counted": min(matches, MOST_COUNTED),
        "categories": [
            {"slug": slug, "name": name, "count": number}
            for slug, name, number in _rows(CATEGORIES, found.without("category"))
        ],
        "in_stock": [{"value": value, "count": number} for value, number in _rows(STOCK, found.without("in_stock"))],
        "price": {"min": prices[0][0], "max": prices[0][1]} if prices else None,
        "attributes": _attributes(found),
    }


def _attributes(found: Found) -> list[Json]:
    """The commonest names come first. Those that the request filters by are always among them."""
    facets: list[tuple[int, Json]] = []
    for name, pairs in found.wanted.items():
        facets += _ranked(found.without_attribute(name), "name = ANY(%s)", {name: pairs})
    others = _ranked(found.without(), "name <> ALL(%s)", found.wanted)
    facets = facets[:MOST_NAMES] + others[: max(0, MOST_NAMES - len(facets))]
    return [facet for _, facet in sorted(facets, key=lambda facet: (-facet[0], facet[1]["name"]))]


def _ranked(products: ProductQuerySet, condition: str, wanted: Wanted) -> list[tuple[int, Json]]:
    """The facet of each name that meets the SQL condition on the wanted names, after its number of products."""
    sample = products.order_by(SCATTERED)[:MOST_COUNTED]
    rows = _rows(ATTRIBUTES.replace("{names}", condition), sample, attributes.names(wanted))
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
