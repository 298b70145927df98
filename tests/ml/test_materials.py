import pytest

from ml.materials import DARK, KINDS, LIGHT, lightness, materials, materials_in


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("black ash, paper cord", [("ash", "wood"), ("paper cord", "wickerwork")]),
        ("Powder-coated steel", [("steel", "metal")]),
        ("linen, oak", [("linen", "fabric"), ("oak", "wood")]),
        ("solid wooden legs", [("wooden", "wood")]),
        ("a washable cloak", []),
        ("", []),
    ],
)
def test_materials_are_found_in_a_text_as_whole_words(text, found):
    assert [(one.name, one.kind) for one in materials_in(text)] == found


@pytest.mark.parametrize("value", ["walnut", "mahogany", "teak"])
def test_a_dark_wood_is_dark(value):
    assert (lightness(value) or LIGHT) < DARK


@pytest.mark.parametrize("value", ["oak", "ash", "pine"])
def test_a_light_wood_is_light(value):
    assert (lightness(value) or DARK) > LIGHT


def test_a_colour_counts_before_the_material_that_has_it():
    assert lightness("black ash") == 0
    assert lightness("white oak") == pytest.approx(100)


def test_a_material_that_comes_in_any_colour_is_neither_dark_nor_light():
    assert lightness("painted wood") is None
    assert lightness("velvet") is None


def test_every_material_has_a_kind_that_customers_can_say():
    assert {one.kind for one in materials().values()} <= set(KINDS.values())
