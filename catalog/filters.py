"""The filters of the product list."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from drf_spectacular.utils import extend_schema_field

from catalog.models import Category, Product, ProductQuerySet
from catalog.validators import MAX_KEY_LENGTH, MAX_VALUE_LENGTH, validate_attribute_value

MAX_QUERY_LENGTH = 200
# More attributes than a customer ticks; every one is an index scan.
MAX_ATTRIBUTE_FILTERS = 20

# For each name, the texts of which one has to be met.
Wanted = Mapping[str, list[str]]


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
    """`name:value`, any number of times."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {
        "invalid": "Write name:value, for example color:Oak.",
        "too_many": f"At most {MAX_ATTRIBUTE_FILTERS} attributes a request.",
    }

    def to_python(self, value: list[str] | None) -> dict[str, list[str]]:
        pairs = [pair.partition(":") for pair in value or ()]
        if len(pairs) > MAX_ATTRIBUTE_FILTERS:
            raise ValidationError(self.error_messages["too_many"], code="too_many")
        wanted = defaultdict(list)
        for name, colon, text in pairs:
            if not name or not colon or len(name) > MAX_KEY_LENGTH or len(text) > MAX_VALUE_LENGTH:
                raise ValidationError(self.error_messages["invalid"], code="invalid")
            wanted[name].append(text)
        return wanted


class AttributesFilter(django_filters.Filter):
    field_class = AttributePairsField

    def filter(self, qs: ProductQuerySet, value: Wanted) -> ProductQuerySet:
        for name, texts in (value or {}).items():
            any_of = Q()
            for text in texts:
                for reading in readings(text):
                    any_of |= Q(attributes__contains={name: reading})
            qs = qs.filter(any_of)
        return qs


def readings(text: str) -> list[Any]:
    """The values a text in a URL may stand for: itself and, for 80 or true, the number or the boolean."""
    try:
        value = json.loads(text)
        validate_attribute_value("", value)
    except (ValueError, RecursionError, ValidationError):
        return [text]
    return [text, value]


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
        help_text="Words of the name or description, or the start of a sku. "
        'Understands "quoted phrases", OR and -without. The best match comes first unless `ordering` is given.',
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
    attributes = extend_schema_field(
        {
            "type": "array",
            "items": {"type": "string"},
            "example": ["color:Oak", "material:pine"],
            "description": "`name:value`, exactly as written in the product. Given several times, other names "
            "narrow the answer and other values of one name widen it: `?attributes=color:Oak&attributes=color:Pine`.",
        }
    )(AttributesFilter())
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
