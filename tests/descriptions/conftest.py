from collections.abc import Iterator

import pytest

from descriptions import server_rest
from descriptions.vision_model import VisionModel
from search import claiming
from tests.descriptions.chat_server import ChatServer, chat_server


@pytest.fixture(autouse=True)
def _rested(media) -> Iterator[None]:
    """No server is left alone for what an earlier test did, and each test has photos of its own."""
    server_rest.end()
    claiming._frontiers.clear()
    yield
    server_rest.end()


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
