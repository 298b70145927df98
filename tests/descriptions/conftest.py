"""A chat server that writes captions, and a shop a part of which lacks attributes."""

import shutil
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import TypeVar

import pytest

from catalog.models import Category, Photo, Product
from descriptions import server_rest, tag_learning
from descriptions.models import Tagger
from descriptions.vision_model import VisionModel
from search import claiming, worker_bell
from search.models import Space
from search.store import partitions, vectors
from tests.descriptions.chat_server import ChatServer, chat_server

COLOURS = {"oatmeal": "#d8cab5", "navy": "#1c2541", "sage": "#8a9a7b", "rust": "#a0522d"}
LEGS = ("oak", "walnut", "black ash")
Row = TypeVar("Row", Product, Photo)


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


class Kept:
    """Products of one category, each with one photo that is indexed: made by one test, and put back for others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.products: list[Product] = []

    def keep(self, space: Space, media: Path) -> None:
        self.products = list(Product.objects.order_by("pk"))
        self.photos = list(Photo.objects.order_by("product"))
        _, self.vectors = vectors.read(space, [photo.pk for photo in self.photos])
        shutil.copytree(media, self.folder)

    def put_back(self, space: Space, media: Path, category: Category) -> None:
        products = Product.objects.bulk_create(as_new(product, category=category) for product in self.products)
        photos = Photo.objects.bulk_create(
            as_new(photo, product=product) for photo, product in zip(self.photos, products, strict=True)
        )
        partitions.ensure(space, [category.pk])
        vectors.write(space, [(photo.pk, category.pk) for photo in photos], self.vectors)
        shutil.copytree(self.folder, media)


def as_new(row: Row, **fields: object) -> Row:
    """A copy that is not in the database."""
    made = copy(row)
    made.pk = None
    made._state.adding = True
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.fixture(scope="session")
def kept(tmp_path_factory) -> Kept:
    return Kept(tmp_path_factory.mktemp("kept") / "media")


@pytest.fixture
def labelled(kept, shelf, index, space, media, category) -> list[Product]:
    """48 chairs that have all attributes, indexed."""
    if kept.products:
        kept.put_back(space, media, category("chair"))
    else:
        for number in range(48):
            shelf(number, sku=f"kept-{number}")
        index()
        kept.keep(space, media)
    return list(Product.objects.order_by("pk"))


@pytest.fixture
def tagger(labelled, space) -> Tagger:
    return tag_learning.learn(space)


@pytest.fixture(autouse=True)
def _rested(media) -> Iterator[None]:
    """No server is left alone for what an earlier test did, and each test has photos of its own."""
    server_rest.end()
    claiming._frontiers.clear()
    yield
    server_rest.end()


@pytest.fixture
def rings(monkeypatch) -> list[str]:
    """The tasks that were rung for."""
    names: list[str] = []
    monkeypatch.setattr(worker_bell, "ring", lambda task=worker_bell.INDEX: names.append(task))
    return names


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    """A server that answers each photo with a caption, until a test has it answer otherwise."""
    with chat_server() as chat:
        yield chat


@pytest.fixture
def model(chat, settings) -> VisionModel:
    """The shop's model, served by `chat`."""
    settings.CAPTION_URL, settings.CAPTION_MODEL, settings.CAPTION_KEY = chat.url, "small-vision", "secret-key-7"
    return VisionModel(chat.url, "small-vision", "secret-key-7", connect=1, read=1)
