"""A shop whose products say what they are made of, and a part of which lacks attributes."""

from collections.abc import Callable

import pytest

from catalog.models import Product
from descriptions import tagging
from descriptions.models import Tagger

COLOURS = {"oatmeal": "#d8cab5", "navy": "#1c2541", "sage": "#8a9a7b", "rust": "#a0522d"}
LEGS = ("oak", "walnut", "black ash")


@pytest.fixture
def shelf(photo) -> Callable[..., Product]:
    """A chair, its colours as its photo shows them: `shelf(3, attributes={})`."""

    def make(number: int, **fields: object) -> Product:
        (colour, rgb), legs = list(COLOURS.items())[number % 4], LEGS[number % 3]
        shade = f"#{int(rgb[1:], 16) + number % 7:06x}"  # No two pictures are the same.
        made = {
            "name": f"Chair {number}",
            "description": f"A chair to sit on. Legs in {legs} and seat in {colour} wool.",
            "attributes": {"color": colour, "material": f"{legs}, wool", "width": 40 + number},
        }
        product: Product = photo(shade, "chair", **{**made, **fields}).product
        return product

    return make


@pytest.fixture
def labelled(shelf, index) -> list[Product]:
    """48 chairs that have all attributes, indexed."""
    products = [shelf(number) for number in range(48)]
    index()
    return products


@pytest.fixture
def tagger(labelled, space) -> Tagger:
    return tagging.learn(space)
