"""Photos sent to the API, here and in other apps: one field, and one translation of what is wrong with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import empty
from rest_framework.utils.html import is_html_input

from catalog import attributes
from catalog.errors import TooLarge
from ml.images import MAX_BYTES, MESSAGES, PhotoProblem, UnreadablePhoto


class PhotoField(serializers.FileField):
    """An uploaded photo as its bytes, at most ml.images.MAX_BYTES of them; more are answered with a 413.

    Decoding is left to the caller, who knows the size to decode at: `with photo_errors("image"): open_photo(...)`.
    """

    # What photo_errors answers with, so that the schema names every code.
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


@extend_schema_field(attributes.SCHEMA)
class WantedAttributesField(serializers.Field):
    """`name:value`, any number of times, as the product list takes it."""

    default_error_messages = {**attributes.MESSAGES}

    def get_value(self, dictionary: Any) -> Any:
        if not is_html_input(dictionary):
            return super().get_value(dictionary)
        return dictionary.getlist(self.field_name) or empty

    def to_internal_value(self, data: Any) -> attributes.Wanted:
        if not isinstance(data, list) or not all(isinstance(pair, str) for pair in data):  # A form may send files.
            self.fail("invalid")
        return attributes.parse(data)


@contextmanager
def photo_errors(attr: str) -> Iterator[None]:
    """Answers an UnreadablePhoto raised inside as a validation error of the field `attr`, with its own code."""
    try:
        yield
    except UnreadablePhoto as refusal:
        if refusal.code == PhotoProblem.TOO_MANY_BYTES:
            raise TooLarge(refusal.message, refusal.code.value) from refusal
        raise ValidationError({attr: [ErrorDetail(refusal.message, refusal.code.value)]}) from refusal
