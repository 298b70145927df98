"""What attributes are, by their names and their values."""

import pytest
from django.core.exceptions import ValidationError

from catalog import attribute_types
from catalog.attribute_types import Kind, collect, found_out, known, of_one
from catalog.models import AttributeType


def meaning(one):
    return one and (one.kind, one.number, one.unit)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("width_cm", 46, (Kind.NUMBER, "width_cm", "cm")),
        ("Breite in mm", "460", (Kind.NUMBER, "width_cm", "mm")),
        ("Weight (kg)", "4.5", (Kind.NUMBER, "weight_kg", "kg")),
        ("Height [in]", "30", (Kind.NUMBER, "height_cm", "in")),
        ("product_width", "46 cm", (Kind.NUMBER, "width_cm", "cm")),
        ("seat_height_cm", 45, (Kind.NUMBER, "seat_height_cm", "cm")),
        ("Maße (mm)", "460 x 550", (Kind.SIZES, "", "mm")),
        ("widthCm", 46, (Kind.NUMBER, "width_cm", "cm")),
        ("Länge/cm", "46", (Kind.NUMBER, "length_cm", "cm")),
        ("width_in", 18, (Kind.NUMBER, "width_cm", "in")),
        ("made in", "2020", None),
        ("Width", "46", None),  # Nobody knows of what.
        ("color", "oak", None),
    ],
)
def test_a_name_says_what_its_values_are(name, value, meant):
    assert meaning(of_one(name, value)) == meant


@pytest.mark.parametrize(
    ("name", "values", "meant"),
    [
        ("width", {"46 cm": 9, "80 cm": 1}, (Kind.NUMBER, "width_cm", "cm")),
        ("width", {46: 9, 80: 1}, (Kind.NUMBER, "width", "")),
        ("seats", {"2": 5, "3": 5}, (Kind.NUMBER, "seats", "")),
        ("cable", {"2 m": 5, "1,5 m": 5}, (Kind.NUMBER, "cable_cm", "m")),
        ("Overall size", {"46 x 55 x 86 cm": 9}, (Kind.SIZES, "", "")),
        ("seat_dimensions", {"46 x 55 x 86 cm": 9}, (Kind.TEXT, "", "")),  # Not those of the product.
        ("width_cm", {"46": 6, "n/a": 4}, (Kind.NUMBER, "width_cm", "cm")),  # The name counts, too.
        ("price", {"9.90": 9}, (Kind.TEXT, "", "")),  # A filter of its own is called so.
        ("outdoor", {"yes": 5, "No": 5}, (Kind.TRUTH, "", "")),
        ("outdoor", {True: 5, False: 5}, (Kind.TRUTH, "", "")),
        ("size", {"S": 5, "46 cm": 5}, (Kind.TEXT, "", "")),
        ("gtin", {"4006381333931": 5}, (Kind.TEXT, "", "")),
        ("code", {"0042": 5}, (Kind.TEXT, "", "")),
        ("seats", {"2": 99, "many": 1}, (Kind.NUMBER, "seats", "")),  # A slip.
    ],
)
def test_values_say_what_they_are(name, values, meant):
    assert meaning(found_out(name, values.items())) == meant


@pytest.mark.parametrize(
    ("kind", "number", "unit", "value", "read"),
    [
        (Kind.NUMBER, "width_cm", "mm", 460, {"width_cm": 46}),
        (Kind.NUMBER, "width_cm", "mm", "18 in", {"width_cm": 45.72}),  # The value's own unit counts.
        (Kind.NUMBER, "width_cm", "cm", "120-180", {"width_cm": 180}),
        (Kind.NUMBER, "width_cm", "cm", "4 kg", {}),
        (Kind.NUMBER, "width_cm", "cm", "wide", {}),
        (Kind.NUMBER, "seats", "", 3, {"seats": 3}),
        (Kind.NUMBER, "seats", "", True, {}),
        (Kind.SIZES, "", "mm", "460 x 550", {"width_cm": 46, "depth_cm": 55}),
        (Kind.TEXT, "", "", "46 cm", {}),
    ],
)
def test_values_are_read_by_their_type(kind, number, unit, value, read):
    assert attribute_types.numbers(AttributeType(kind=kind, number=number, unit=unit), value) == read


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"number": "Width cm", "unit": "cm"}, "number"),
        ({"number": "", "unit": ""}, "number"),
        ({"number": "width_kg", "unit": "cm"}, "number"),
        ({"number": "width_cm", "unit": ""}, "number"),
        ({"number": "width_cm", "unit": "yd"}, "unit"),
        ({"number": "price", "unit": ""}, "number"),
        ({"kind": Kind.SIZES, "unit": "kg"}, "unit"),
    ],
)
def test_a_type_that_no_value_can_be_read_by_is_refused_with_its_field(given, field):
    with pytest.raises(ValidationError) as refused:
        attribute_types.check(AttributeType(**{"name": "width", "kind": Kind.NUMBER, **given}))
    assert [*refused.value.message_dict] == [field]


def test_types_are_found_out_and_what_staff_chose_stands(product):
    product(attributes={"width": 46, "color": "oak", "power": "40"})
    AttributeType.objects.create(name="power", kind=Kind.TEXT, is_chosen=True)
    assert collect()
    assert {name: meaning(one) for name, one in known().items()} == {
        "width": (Kind.NUMBER, "width", ""),
        "color": (Kind.TEXT, "", ""),
        "power": (Kind.TEXT, "", ""),
    }
    assert not collect()
    product(attributes={"width": "wide"}, sku="wide")
    assert collect()
    assert known()["width"].kind == Kind.TEXT


def test_types_tell_how_many_products_have_the_attribute_and_its_commonest_values(product):
    for place, color in enumerate(["oak", "oak", "ash"]):
        product(sku=f"P{place}", attributes={"color": color})
    AttributeType.objects.create(name="color", kind=Kind.TEXT, is_chosen=True)
    AttributeType.objects.create(name="gone", kind=Kind.TEXT, is_chosen=True, products=3)
    assert not collect()
    assert (known()["color"].products, known()["color"].samples, known()["color"].is_chosen) == (3, "oak, ash", True)
    assert known()["gone"].products == 0


@pytest.mark.parametrize("value", ["9" * 400, "9" * 300, "99999999"])
def test_a_number_beyond_reason_is_none(value):
    for number, unit in (("width_cm", "cm"), ("seats", "")):
        assert attribute_types.numbers(AttributeType(kind=Kind.NUMBER, number=number, unit=unit), value) == {}


def test_thousands_without_a_unit_are_parted_by_a_comma():
    one = AttributeType(kind=Kind.NUMBER, number="pieces")
    assert attribute_types.numbers(one, "1,500") == {"pieces": 1500}


@pytest.mark.parametrize("name", ["partnumber", "id2", "RAL", "care"])
def test_codes_are_no_numbers(name):
    assert found_out(name, [("9010", 5)]).kind == Kind.TEXT
