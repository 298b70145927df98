"""The filters of the product list and of the search by words."""

from typing import Any, Self

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django_filters.utils import translate_validation
from drf_spectacular.utils import extend_schema_field
from rest_framework.request import Request

from catalog import attributes
from catalog.attributes import Wanted
from catalog.models import Category, Product, ProductQuerySet

MAX_QUERY_LENGTH = 200


class TruthField(forms.CharField):
    default_error_messages = {"invalid": "Write true or false."}

    def clean(self, value: Any) -> bool | None:
        text = super().clean(value).lower()
        if text not in {"", "true", "false"}:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return text == "true" if text else None


class TruthFilter(django_filters.BooleanFilter):
    field_class = TruthField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.extra["widget"] = forms.TextInput


class AttributePairsField(forms.Field):
    widget = forms.MultipleHiddenInput
    default_error_messages = {**attributes.MESSAGES}

    def to_python(self, value: list[str] | None) -> Wanted:
        return attributes.parse(value or ())


class AttributesFilter(django_filters.Filter):
    field_class = AttributePairsField

    def filter(self, qs: ProductQuerySet, value: Wanted) -> ProductQuerySet:
        for alternatives in attributes.alternatives(value or {}):
            any_of = Q()
            for one in alternatives:
                any_of |= Q(attributes__contains=one)
            qs = qs.filter(any_of)
        return qs


class ProductOrdering(django_filters.OrderingFilter):
    """Ties are broken by sku, so that no product is on two pages; products without a price come last."""

    def filter(self, qs: ProductQuerySet, value: list[str]) -> ProductQuerySet:
        names = [name for name in value or [] if name]
        if not names:
            return qs
        order = []
        for name in names:
            field = F(name.removeprefix("-"))
            order.append(field.desc(nulls_last=True) if name.startswith("-") else field.asc(nulls_last=True))
        return qs.order_by(*order, "sku")


WORDS = (
    "Words of the name, description or attributes, of which the last may be unfinished, or the start of a sku. "
    'Understands "quoted phrases", OR and -without.'
)
PRICE = {"field_name": "price", "max_digits": 12, "decimal_places": 2, "min_value": 0}


class ProductFilterForm(forms.Form):
    def clean(self) -> None:
        lowest, highest = self.cleaned_data.get("price_min"), self.cleaned_data.get("price_max")
        if lowest is not None and highest is not None and lowest > highest:
            message = self.fields["price_max"].error_messages["empty_range"]
            self.add_error("price_max", ValidationError(message, code="empty_range"))


class ProductFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        method="search",
        max_length=MAX_QUERY_LENGTH,
        help_text=f"{WORDS} The best match comes first unless `ordering` is given.",
    )
    category = extend_schema_field(
        {
            "type": "string",
            "description": "A category's slug; several may be given: `?category=chair&category=sofa`.",
        }
    )(
        django_filters.ModelMultipleChoiceFilter(
            field_name="category__slug",
            to_field_name="slug",
            distinct=False,  # a product has one category
            queryset=Category.objects.all(),
        )
    )
    price_min = django_filters.NumberFilter(lookup_expr="gte", help_text="At least this price.", **PRICE)
    price_max = django_filters.NumberFilter(
        lookup_expr="lte",
        help_text="At most this price.",
        error_messages={"empty_range": "This is below price_min."},
        **PRICE,
    )
    in_stock = TruthFilter(help_text="true or false.")
    attributes = extend_schema_field(attributes.SCHEMA)(AttributesFilter())
    facets = TruthFilter(
        method="as_found",
        help_text="true also counts what was found, by category, price, stock and attribute; attributes are counted in "
        "a sample where more than 10,000 products were found.",
    )
    ordering = ProductOrdering(
        fields=["name", "price", "created_at", "sku"],
        help_text="name, price, created_at or sku; a leading - reverses; several are separated by commas.",
    )

    class Meta:
        model = Product
        fields: list[str] = []
        form = ProductFilterForm

    def search(self, products: ProductQuerySet, name: str, words: str) -> ProductQuerySet:
        return products.search(words)

    def as_found(self, products: ProductQuerySet, name: str, wanted: bool) -> ProductQuerySet:
        return products

    @classmethod
    def checked(cls, request: Request, products: QuerySet) -> Self:
        """The filters that a request sets, of these products. Raises rest_framework's ValidationError."""
        found = cls(request.query_params, products, request=request)
        if not found.is_valid():
            raise translate_validation(found.errors)
        return found

    @property
    def wants_facets(self) -> bool:
        return bool(self.form.cleaned_data["facets"])

    @property
    def wanted(self) -> Wanted:
        """The attributes that are filtered by."""
        return self.form.cleaned_data["attributes"] or {}

    def without(self, *names: str) -> ProductQuerySet:
        """What passes the filters but these, in no order."""
        return self._passing({name: value for name, value in self.form.cleaned_data.items() if name not in names})

    def without_attribute(self, name: str) -> ProductQuerySet:
        """What passes all filters but that of this attribute."""
        others = {other: pairs for other, pairs in self.wanted.items() if other != name}
        return self._passing({**self.form.cleaned_data, "attributes": others})

    def _passing(self, values: dict[str, Any]) -> ProductQuerySet:
        products = self.queryset.all()
        for name, value in values.items():
            products = self.filters[name].filter(products, value)
        return products.order_by()


class TextFilter(ProductFilter):
    q = django_filters.CharFilter(method="search", max_length=MAX_QUERY_LENGTH, required=True, help_text=WORDS)
    ordering = None  # type: ignore[assignment]  # How a FilterSet leaves out what it inherits.
