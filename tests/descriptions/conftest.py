"""A chat server that writes captions, and a shop a part of which lacks attributes."""

from collections.abc import Callable, Iterator

import pytest

from catalog.models import Product
from descriptions import server_rest, tag_learning
from descriptions.models import Tagger
from descriptions.vision_model import VisionModel
from search import claiming, worker_bell
from tests.descriptions.chat_server import ChatServer, chat_server

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
