"""Validators refuse, with a sentence, what the database, a URL or an answer in JSON could not carry."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

SKU_LENGTH = 64
# Starts with a letter or a digit, so that "." and ".." (which web clients fold away) are never a product's address.
SKU_CHARACTERS = r"\w.~+:@-"
SKU_PATTERN = rf"\w[{SKU_CHARACTERS}]{{0,{SKU_LENGTH - 1}}}"

sku_validator = RegexValidator(
    rf"\A{SKU_PATTERN}\Z",
    "A sku starts with a letter or a digit and has letters, digits and . _ ~ + : @ - only.",
    code="invalid_sku",
)
currency_validator = RegexValidator(
    r"\A[A-Z]{3}\Z", "A currency is three capital letters, for example EUR.", code="invalid_currency"
)


def reserved_slug_validator(slug: str) -> None:
    """Refuses “all”, which means every category in the search API. The schema would show a regular expression."""
    if slug == "all":
        raise ValidationError("“all” means every category: choose another slug.", code="reserved")


# A product has a handful of facets; these bounds keep its row and the index entries small.
MAX_ATTRIBUTES = 50
MAX_KEY_LENGTH = 64
MAX_VALUE_LENGTH = 500
# Past 2**53 JavaScript reads another number than the one that was written.
MAX_NUMBER = 2**53


def validate_attributes(attributes: Any) -> None:
    """A flat object: text keys; text, finite numbers or booleans as values.

    PostgreSQL cannot store NUL, a lone surrogate or an infinite number in JSON, so each would be a server error later.
    """
    if not isinstance(attributes, dict):
        raise ValidationError("Attributes are an object of names and values.")
    if len(attributes) > MAX_ATTRIBUTES:
        raise ValidationError(f"At most {MAX_ATTRIBUTES} attributes a product.")
    for key, value in attributes.items():
        if not isinstance(key, str) or not key.strip() or len(key) > MAX_KEY_LENGTH or not is_storable(key):
            raise ValidationError(f"An attribute's name is text of 1 to {MAX_KEY_LENGTH} characters, without NUL.")
        validate_attribute_value(key, value)


def validate_attribute_value(key: str, value: Any) -> None:
    if isinstance(value, bool):
        return
    if isinstance(value, str):
        if len(value) > MAX_VALUE_LENGTH or not is_storable(value):
            raise ValidationError(f"{key}: text of at most {MAX_VALUE_LENGTH} characters, without NUL.")
        return
    if isinstance(value, int | float):
        if not abs(value) <= MAX_NUMBER:  # so that NaN is refused as well
            raise ValidationError(f"{key}: the number is too large.")
        return
    raise ValidationError(f"{key}: a text, a number, true or false.")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL takes this text: no NUL, no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text
