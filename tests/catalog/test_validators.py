import pytest
from django.core.exceptions import ValidationError

from catalog.validators import currency_validator, sku_validator, validate_attributes


@pytest.mark.parametrize("sku", ["1", "001.024.52", "A-1_b~2+c:3@d", "стул-1", "x" * 64])
def test_a_sku_may_hold_letters_digits_and_a_few_signs(sku):
    sku_validator(sku)


@pytest.mark.parametrize("sku", ["", ".", "..", "-1", "a/b", "a b", "a\n", "a\x00", "a?b", "a#b", "x" * 65])
def test_a_sku_that_no_url_could_carry_is_refused(sku):
    with pytest.raises(ValidationError):
        sku_validator(sku)


@pytest.mark.parametrize("currency", ["eur", "EU", "EURO", "E1R", "EUR\n"])
def test_a_currency_is_three_capitals(currency):
    with pytest.raises(ValidationError):
        currency_validator(currency)


def test_attributes_are_text_numbers_and_booleans():
    validate_attributes({"color": "Oak", "width": 80, "depth": 12.5, "new": True, "empty": ""})


@pytest.mark.parametrize(
    "attributes",
    [
        ["color"],
        "color",
        None,
        {"color": None},
        {"color": ["Oak"]},
        {"size": {"width": 80}},
        {"color": "O\x00k"},
        {"co\x00lor": "Oak"},
        {"color": "\ud800"},
        {"": "Oak"},
        {" ": "Oak"},
        {"width": float("inf")},
        {"width": float("nan")},
        {"width": 10**400},
        {"k" * 65: "long name"},
        {"color": "x" * 501},
        {str(number): number for number in range(51)},
    ],
)
def test_attributes_that_could_not_be_stored_or_are_too_much_are_refused(attributes):
    with pytest.raises(ValidationError):
        validate_attributes(attributes)
