"""What every test may use: catalogue rows and pictures made on the spot."""

import io
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from catalog.models import Category, Photo, Product
from catalog.photos import add_photo

Colour = str | tuple[int, int, int]


def picture(colour: Colour = "red", size: tuple[int, int] = (64, 64), kind: str = "PNG") -> bytes:
    """An encoded picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


@pytest.fixture
def media(settings, tmp_path: Path) -> Path:
    """Photos are stored below the test's own folder."""
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def category(db) -> Callable[[str], Category]:
    """The category of that slug, made at first use."""
    return lambda slug: Category.objects.get_or_create(slug=slug, defaults={"name": slug.title()})[0]


@pytest.fixture
def product(category) -> Callable[..., Product]:
    """A new product: `product("lamp", price=9)`."""
    numbers = count(1)

    def make(slug: str = "lamp", **fields: object) -> Product:
        number = next(numbers)
        defaults = {"sku": f"{slug}-{number}", "name": f"{slug} {number}", "category": category(slug)}
        return Product.objects.create(**{**defaults, **fields})

    return make


@pytest.fixture
def photo(product, media) -> Callable[..., Photo]:
    """A stored photo of one colour, of a new product or of `of`: `photo("red", "lamp", price=9)`."""

    def make(colour: Colour = "red", slug: str = "lamp", of: Product | None = None, **fields: object) -> Photo:
        return add_photo(of or product(slug, **fields), picture(colour))[0]

    return make
