"""A web server on this machine, and a client that may reach it."""

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from catalog.fetching.client import Client
from tests.catalog.fetching.web_server import WebServer

HERE = [ip_network("127.0.0.1/32")]


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client("Lamplight/test", HERE, plain_http=True)
    yield client
    client.close()
