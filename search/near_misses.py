"""Near misses: the products most similar to a query that fail a bound of one number by a little."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from django.db.models import Q

from catalog import ranges
from catalog.near_misses import MOST, SHARE, Values, misses, of_products
from catalog.ranges import Miss, Ranges
from search import lookup
from search.lookup import Hit, Matches
from search.models import Space


@dataclass(frozen=True)
class NearMiss:
    """A product that is similar, and fails a bound."""

    hit: Hit
    misses: Sequence[Miss]


def beside(
    space: Space,
    vector: np.ndarray,
    categories: Collection[int],
    bounds: Ranges,
    others: Q,
    wanted: Mapping[str, Any],
    matches: Matches,
) -> list[NearMiss]:
    """At most MOST near misses, the most similar first, as similar as hits have to be; none beside a full answer.

    Args:
        others: what a product has to be otherwise.
        wanted: the arguments of lookup.nearest that found the matches.
    """
    left = wanted["limit"] - len(matches.hits)
    if left <= 0:
        return []
    found = {**wanted, "filters": ranges.missed(bounds, SHARE) & others, "limit": min(MOST, left)}
    hits = lookup.nearest(space, vector, categories, **found).hits
    values = of_products([hit.product.pk for hit in hits], [bound.number for bound in bounds])
    near = [NearMiss(replace(hit, duplicates=()), misses(bounds, values[hit.product.pk])) for hit in hits]
    return [miss for miss in near if miss.misses]  # It may have been measured anew just now.


@dataclass(frozen=True)
class Measured:
    """What an answer to a request with bounds tells of numbers."""

    bounds: Ranges
    values: Values
    """Of each product found, by its id: the numbers that are bounded, by name, in the units that they are kept in."""
    near: Sequence[NearMiss] = ()


def measured(bounds: Ranges, found: Iterable[Matches], near: Sequence[NearMiss] = ()) -> Measured:
    """What the hits and their duplicates measure."""
    hits = [hit for matches in found for hit in matches.hits] + [miss.hit for miss in near]
    products = {one.product.pk for hit in hits for one in (hit, *hit.duplicates)}
    return Measured(bounds, of_products(products, [bound.number for bound in bounds]), near)
