"""Filters: how each is read, checked and documented, and which products pass it.

Only FILTERS lists them. The product list, the search by words, its facets, the search by photo and similar products
all read it, so a new entry is a new parameter of each.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any, cast

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from catalog import attributes, ranges
from catalog.attributes import Wanted
from catalog.fields import (
    BoundField,
    CategorySlugsField,
    OrderingField,
    PriceField,
    RangesField,
    TruthField,
    WantedAttributesField,
)
from catalog.models import ProductQuerySet
from catalog.ranges import Ranges

MAX_QUERY_LENGTH = 200


@dataclass(frozen=True)
class Filter:
    field: serializers.Field
    """Reads, checks and documents the value; not required."""
    condition: Callable[[Any], Q]
    """Makes a condition of the value. It names columns of the product's own table, or sets of products by `pk__in`."""


FILTERS: dict[str, Filter] = {
    "price_min": Filter(PriceField(help_text="At least this price."), lambda price: Q(price__gte=price)),
    "price_max": Filter(
        PriceField(help_text="At most this price.", error_messages={"empty_range": "This is below price_min."}),
        lambda price: Q(price__lte=price),
    ),
    "in_stock": Filter(
        TruthField(required=False, allow_null=True, help_text="true: only in stock; false: only out of stock."),
        lambda value: Q(in_stock=value),
    ),
    "attributes": Filter(WantedAttributesField(required=False), attributes.condition),
    "ranges": Filter(RangesField(), ranges.condition),
}
# Numbers that most shops have. `ranges` reads their bounds and those of any other number; these are documented.
COMMON_NUMBERS = {
    "width_cm": "The width",
    "depth_cm": "The depth",
    "height_cm": "The height",
    "weight_kg": "The weight",
    "seats": "The number of seats",
}
OF_ANY_NUMBER = (
    "Any number that products have may be bounded so, in any unit of its quantity (mm, cm, m, in, ft; g, kg, lb): "
    "`width_in_max=48`, `diameter_cm_min=30`. A product without the number does not pass."
)


def bound_fields() -> dict[str, serializers.Field]:
    """What documents the bounds of numbers."""
    return {
        f"{number}{ending}": BoundField(help_text=f"{said}, at {much}. {OF_ANY_NUMBER}")
        for number, said in COMMON_NUMBERS.items()
        for ending, much in ((ranges.LEAST, "least"), (ranges.MOST, "most"))
    }


def condition(given: Mapping[str, Any]) -> Q:
    """The condition of all filters that have a value in `given`, by name. None filters nothing."""
    conditions = (one.condition(given[name]) for name, one in FILTERS.items() if given.get(name) is not None)
    return reduce(and_, conditions, Q())


class FilterSerializer(serializers.Serializer[Any]):
    """A request that may set filters."""

    def get_fields(self) -> dict[str, serializers.Field]:
        filters = {name: deepcopy(one.field) for name, one in FILTERS.items()}
        return {**super().get_fields(), **filters, **bound_fields()}

    def to_internal_value(self, data: Any) -> Any:
        """Refusals of bounds are named after their parameters."""
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as error:
            named = dict(cast(dict[str, Any], error.detail))
            bounds = named.pop("ranges", {})
            raise serializers.ValidationError({**named, **bounds}) from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        lowest, highest = attrs.get("price_min"), attrs.get("price_max")
        if lowest is not None and highest is not None and lowest > highest:
            message = self.fields["price_max"].error_messages["empty_range"]
            raise serializers.ValidationError({"price_max": ErrorDetail(str(message), "empty_range")})
        return attrs


@dataclass(frozen=True)
class Found:
    """The products that a request finds."""

    among: ProductQuerySet
    given: Mapping[str, Any]
    """The request's values, as a FindSerializer checked them."""

    @property
    def products(self) -> ProductQuerySet:
        """The products in the order asked for. The sku breaks ties, so that no product is on two pages."""
        products, order = self._passing(self.given), self.given.get("ordering")
        return products.order_by(*order, "sku") if order else products

    @property
    def words(self) -> str:
        return str(self.given.get("q", ""))

    @property
    def wants_facets(self) -> bool:
        return bool(self.given.get("facets"))

    @property
    def wanted(self) -> Wanted:
        """The attributes that are filtered by."""
        wanted: Wanted = self.given.get("attributes", {})
        return wanted

    @property
    def ranges(self) -> Ranges:
        """The bounds of numbers that are filtered by."""
        given: Ranges = self.given.get("ranges", ())
        return given

    def without_number(self, number: str) -> ProductQuerySet:
        """The products that pass all filters except this number's, in no order."""
        others = [bound for bound in self.ranges if bound.number != number]
        return self._passing({**self.given, "ranges": others}).order_by()

    def without(self, *names: str) -> ProductQuerySet:
        """The products that pass all filters except these, in no order."""
        return self._passing({name: value for name, value in self.given.items() if name not in names}).order_by()

    def without_attribute(self, name: str) -> ProductQuerySet:
        """The products that pass all filters except this attribute's, in no order."""
        others = {other: pairs for other, pairs in self.wanted.items() if other != name}
        return self._passing({**self.given, "attributes": others}).order_by()

    def _passing(self, given: Mapping[str, Any]) -> ProductQuerySet:
        products = self.among.filter(filters_of(given))
        return products.search(given["q"]) if given.get("q") else products


def filters_of(given: Mapping[str, Any]) -> Q:
    """What a product has to be, whatever its words are."""
    return condition(given) & Q(category__in=given["category"]) if "category" in given else condition(given)


WORDS = (
    "Words of the name, description, attributes or caption (the last may be unfinished), or the start of a sku. "
    'Understands "quoted phrases", OR and -without.'
)


class FindSerializer(FilterSerializer):
    """The parameters that the product list and the search by words share."""

    category = CategorySlugsField(
        required=False,
        help_text="A category's slug; several may be given: `?category=chair&category=sofa` or `chair,sofa`.",
    )
    facets = TruthField(
        required=False,
        help_text="true: also count what was found by category, price, stock and attribute. Attributes are counted in "
        "a sample if more than 10,000 products were found.",
    )

    @classmethod
    def find(cls, request: Request, among: QuerySet[Any]) -> Found:
        """Check the request's parameters. Raises rest_framework's ValidationError."""
        query = cls(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Found(cast(ProductQuerySet, among), query.validated_data)


class ProductListSerializer(FindSerializer):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=MAX_QUERY_LENGTH,
        help_text=f"{WORDS} The best match comes first unless `ordering` is given.",
    )
    ordering = OrderingField(required=False)
