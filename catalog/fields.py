"""Fields of the API's requests, here and in other apps: photos, slugs, filters and orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import F
from django.db.models.expressions import OrderBy
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty
from rest_framework.utils.html import is_html_input

from catalog import attributes, ranges
from catalog.errors import TooLarge
from catalog.models import Category
from ml.images import MAX_BYTES, MESSAGES, PhotoProblem, UnreadablePhoto


class PhotoField(serializers.FileField):
    """The bytes of an uploaded photo. More than ml.images.MAX_BYTES are answered with a 413.

    Decoding is left to the caller, who knows the size to decode at: `with photo_errors("image"): open_photo(...)`.
    """

    # photo_errors answers with these. They stand here so that the schema names every code.
    default_error_messages = {
        problem.value: MESSAGES[problem]
        for problem in PhotoProblem
        if problem not in (PhotoProblem.EMPTY, PhotoProblem.TOO_MANY_BYTES)
    }

    def to_internal_value(self, data: Any) -> bytes:  # type: ignore[override]  # FileField gives the file back
        upload = super().to_internal_value(data)
        if upload.size > MAX_BYTES:
            raise TooLarge(MESSAGES[PhotoProblem.TOO_MANY_BYTES], PhotoProblem.TOO_MANY_BYTES.value)
        return upload.read()


@extend_schema_field(OpenApiTypes.STR)
class SlugField(serializers.SlugField):
    """A slug with letters of any script. The schema has no pattern: there `\\w` would mean ASCII alone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_unicode=True, **kwargs)


@extend_schema_field({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "format": "decimal"}]})
class PriceField(serializers.DecimalField):
    """A bound of a product's price, as a number or as text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(12, 2, required=False, min_value=Decimal(0), **kwargs)


NULL_REFUSED = ProhibitNullCharactersValidator()


class TruthField(serializers.BooleanField):
    """true or false, also written as yes, on or 1 and their opposites. Blank counts as left out."""

    default_empty_html = empty  # DRF takes a field that a form leaves out for false.
    default_error_messages = {"invalid": "Write true or false.", NULL_REFUSED.code: NULL_REFUSED.message}

    def run_validation(self, data: Any = empty) -> Any:
        return super().run_validation((data.strip() or empty) if isinstance(data, str) else data)

    def to_internal_value(self, data: Any) -> Any:
        NULL_REFUSED(data)
        return super().to_internal_value(data)


def is_blank(text: Any) -> bool:
    return isinstance(text, str) and not text.strip()


class RepeatedField(serializers.Field):
    """A parameter that may be given several times, as a list. One that a form leaves blank counts as left out."""

    def get_value(self, dictionary: Any) -> Any:
        if not is_html_input(dictionary):
            return super().get_value(dictionary)
        return [text for text in dictionary.getlist(self.field_name) if not is_blank(text)] or empty


@extend_schema_field(attributes.SCHEMA)
class WantedAttributesField(RepeatedField):
    """`name:value`, any number of times."""

    default_error_messages = {**attributes.MESSAGES}

    def to_internal_value(self, data: Any) -> attributes.Wanted:
        if not isinstance(data, list) or not all(isinstance(pair, str) for pair in data):  # A form may send files.
            self.fail("invalid")
        return attributes.parse(data)


@extend_schema_field({"anyOf": [{"type": "number"}, {"type": "string"}]})
class BoundField(serializers.Field):
    """Documents one bound of a number. RangesField reads it, with those of all other numbers."""

    default_error_messages = {**ranges.MESSAGES}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def get_value(self, dictionary: Any) -> Any:
        return empty


class RangesField(serializers.HiddenField):
    """All parameters that end as bounds of numbers do, and that no other field of the request reads.

    Which numbers there are is up to the shop, so their names are open. Each refusal is keyed by its parameter: whoever
    has such a field lifts it (catalog.filters.FilterSerializer).
    """

    def __init__(self) -> None:
        super().__init__(default=())

    def get_value(self, dictionary: Any) -> Any:
        own = self.parent.fields if isinstance(self.parent, serializers.Serializer) else {}
        names = [name for name in dictionary if name.endswith((ranges.LEAST, ranges.MOST))]
        read = [name for name in names if isinstance(own.get(name, self), BoundField | RangesField)]
        pairs = [(name, text) for name in read for text in _all(dictionary, name) if not is_blank(text)]
        return pairs or empty

    def to_internal_value(self, data: Any) -> ranges.Ranges:
        try:
            return ranges.parse(data)
        except ranges.Refused as refusal:
            raise ValidationError({refusal.parameter: ErrorDetail(str(refusal), refusal.code)}) from refusal


def _all(dictionary: Any, name: str) -> list[Any]:
    """All values of a parameter that may be given several times."""
    return dictionary.getlist(name) if hasattr(dictionary, "getlist") else [dictionary[name]]


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class CategorySlugsField(RepeatedField):
    """Slugs, any number of times or separated by commas. They become the categories' ids."""

    default_error_messages = {
        "invalid_choice": "There is no category {slug}.",
        NULL_REFUSED.code: NULL_REFUSED.message,
    }

    def to_internal_value(self, data: list[str]) -> list[int]:
        slugs = [slug for text in data for slug in map(str.strip, text.split(",")) if slug]
        for slug in slugs:
            NULL_REFUSED(slug)
        known = dict(Category.objects.filter(slug__in=slugs).values_list("slug", "pk"))
        for slug in slugs:
            if slug not in known:
                self.fail("invalid_choice", slug=slug)
        return list(known.values())


ORDERED_BY = ("name", "price", "created_at", "sku")
ORDERINGS = (*ORDERED_BY, *(f"-{name}" for name in ORDERED_BY))
ORDERING_SCHEMA = {"type": "array", "items": {"type": "string", "enum": sorted(ORDERINGS)}}


@extend_schema_field(ORDERING_SCHEMA)
class OrderingField(serializers.Field):
    """Names separated by commas. A - in front reverses one. Products without a value come last."""

    default_error_messages = {"invalid_choice": "{name} is none of these: {choices}."}

    def to_internal_value(self, data: str) -> list[OrderBy]:
        names = [name for name in map(str.strip, data.split(",")) if name]
        for name in names:
            if name not in ORDERINGS:
                self.fail("invalid_choice", name=name, choices=", ".join(ORDERINGS))
        return [
            F(name[1:]).desc(nulls_last=True) if name.startswith("-") else F(name).asc(nulls_last=True)
            for name in names
        ]


@contextmanager
def photo_errors(attr: str) -> Iterator[None]:
    """Turns an UnreadablePhoto into an error of the field `attr` with its own code, or too many bytes into a 413."""
    try:
        yield
    except UnreadablePhoto as refusal:
        if refusal.code == PhotoProblem.TOO_MANY_BYTES:
            raise TooLarge(refusal.message, refusal.code.value) from refusal
        raise ValidationError({attr: [ErrorDetail(refusal.message, refusal.code.value)]}) from refusal
