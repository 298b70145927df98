"""Facets of numbers: where the products found lie on each, in buckets with round bounds.

Each number is counted as if its own bounds were not set. More than MOST_COUNTED products are counted in a sample.
"""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Func, IntegerField

from catalog import ranges
from catalog.filters import Found
from catalog.models import AttributeType, ProductNumber, ProductQuerySet
from catalog.units import kept_in

Json = dict[str, Any]

# What is counted value by value, in a sample of this size at most: a product has dozens, and millions may be found.
MOST_COUNTED = 10_000
# Scatters the products. The sample is not what was imported first, and it is the same for every request.
SCATTERED = Func("pk", function="hashint8", output_field=IntegerField())
MOST_NUMBERS = 20
# A step is 1, 2 or 5 times a power of ten, and 1 at least where all values are whole: there is no half a seat. As many
# buckets as fit hold from the least to the greatest.
BUCKETS = 8
NUMBERS = f"""
    WITH found AS MATERIALIZED ({{matches}}),
    kept AS MATERIALIZED (
        SELECT number.name, number.value FROM found
        JOIN {ProductNumber._meta.db_table} number ON number.product_id = found.id WHERE {{names}}
    ),
    spans AS (
        SELECT name, count(*) AS total, min(value) AS least, max(value) AS most,
            (max(value) - min(value)) / {BUCKETS - 1} AS rough,
            bool_and(value = floor(value))::int AS whole
        FROM kept GROUP BY name ORDER BY total DESC, name LIMIT {MOST_NUMBERS}
    ),
    powers AS (SELECT *, CASE WHEN rough > 0 THEN power(10::float8, floor(log(rough))) ELSE 1 END AS power FROM spans),
    steps AS (
        SELECT *, greatest(whole, power * CASE WHEN rough <= power THEN 1 WHEN rough <= 2 * power THEN 2
            WHEN rough <= 5 * power THEN 5 ELSE 10 END) AS step
        FROM powers
    )
    SELECT name, total, least, most, step, floor(value / step + 1e-9)::float8 AS place, count(*)
    FROM steps JOIN kept USING (name) GROUP BY name, total, least, most, step, place
    ORDER BY total DESC, name, place
"""


def sample(products: ProductQuerySet) -> ProductQuerySet:
    """At most MOST_COUNTED of the products."""
    return products.order_by(SCATTERED)[:MOST_COUNTED]


def count(found: Found) -> list[Json]:
    """The numbers of the products found. Those that most products have come first, 20 at most."""
    filtered = sorted(ranges.by_number(found.ranges))
    facets = _rows(found.without(), "number.name <> ALL(%s)", filtered)
    for number in filtered:
        facets += _rows(found.without_number(number), "number.name = ANY(%s)", [number])
    counted = [_facet(name, list(rows)) for name, rows in groupby(facets, key=itemgetter(0))]
    first = sorted(counted, key=lambda one: (one["name"] not in filtered, -one["count"], one["name"]))[:MOST_NUMBERS]
    return sorted(first, key=lambda one: (-one["count"], one["name"]))


def attribute_names() -> list[str]:
    """The attributes that are numbers, and are counted as such."""
    kinds = [AttributeType.Kind.NUMBER, AttributeType.Kind.SIZES]
    return list(AttributeType.objects.filter(kind__in=kinds).order_by().values_list("name", flat=True))


def _facet(name: str, rows: Sequence[tuple[Any, ...]]) -> Json:
    _, total, least, most, step, *_ = rows[0]
    counts = {int(place): number for *_, place, number in rows}
    first, last = min(counts), max(counts)
    return {
        "name": name,
        "unit": kept_in(name),
        "count": total,
        "min": least,
        "max": most,
        "buckets": [
            {"min": _round(place * step), "max": _round((place + 1) * step), "count": counts.get(place, 0)}
            for place in range(first, last + 1)
        ],
    }


def _round(bound: float) -> float:
    """The bound without the noise of multiplying: 3 * 0.1 is 0.30000000000000004."""
    return float(f"{bound:.12g}")


def _rows(products: ProductQuerySet, names: str, given: Sequence[str]) -> list[tuple[Any, ...]]:
    try:
        query, own = sample(products).values("id").query.sql_with_params()
    except EmptyResultSet:
        return []
    with connection.cursor() as cursor:
        cursor.execute(NUMBERS.replace("{matches}", query).replace("{names}", names), [*own, list(given)])
        return cursor.fetchall()
