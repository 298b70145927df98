"""Near misses: products that fail a bound of one number by a little. Customers may take them all the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from catalog import ranges, shown_fields
from catalog.filters import Found
from catalog.models import Product, ProductNumber
from catalog.pagination import ProductPagination
from catalog.ranges import Miss, Ranges

# What fails a bound by more than this share of it is another size.
SHARE = 0.1
MOST = 5

Json = dict[str, Any]
# Numbers by product id and name, in the units that they are kept in.
Values = Mapping[int, Mapping[str, float]]


@dataclass(frozen=True)
class NearMiss:
    """A product that a request would find, were its bounds a little wider."""

    product: Product
    misses: Sequence[Miss]


def beside(found: Found, places_left: int) -> list[NearMiss]:
    """At most MOST near misses of what was found, in its order; none where no place is left on its page."""
    if not found.ranges or places_left <= 0:
        return []
    others = found.without("ranges").filter(ranges.missed(found.ranges, SHARE))
    ordered = others.ranked(found.words) if found.words else others.order_by("name", "sku")
    near = list(ordered.with_first_photo().select_related("category")[: min(MOST, places_left)])
    values = of_products([product.pk for product in near], [bound.number for bound in found.ranges])
    told = [NearMiss(product, misses(found.ranges, values[product.pk])) for product in near]
    return [miss for miss in told if miss.misses]  # It may have been measured anew just now.


def add_near_misses(page: Json, found: Found, request: Request) -> None:
    """Tell the near misses on a page of what was found, where the request bounds numbers."""
    if found.ranges:
        left = (ProductPagination().get_page_size(request) or 0) - len(page["results"])
        origin = request.build_absolute_uri("/")
        page["near_misses"] = [_as_json(near, origin) for near in beside(found, left)]


def _as_json(near: NearMiss, origin: str) -> Json:
    photo = near.product.first_photo
    return {
        "product": shown_fields.as_json(near.product),
        "photo": photo and shown_fields.photo_url(photo["file"], origin),
        "misses": [miss_as_json(miss) for miss in near.misses],
    }


def miss_as_json(miss: Miss) -> Json:
    return {"number": miss.bound.number, "by": miss.by, "unit": miss.bound.unit, "text": miss.text}


def misses(bounds: Ranges, values: Mapping[str, float]) -> list[Miss]:
    """Which of the bounds these numbers fail, and by how much."""
    failed = [ranges.miss(bound, values[bound.number]) for bound in bounds if bound.number in values]
    return [miss for miss in failed if miss]


def of_products(products: Iterable[int], numbers: Iterable[str]) -> Values:
    """Numbers of these products."""
    values: dict[int, dict[str, float]] = defaultdict(dict)
    rows = ProductNumber.objects.filter(product__in=list(products), name__in=sorted({*numbers})).order_by()
    for product, name, value in rows.values_list("product_id", "name", "value"):
        values[product][name] = value
    return values
