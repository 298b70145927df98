"""A shop whose catalogue names photos at a real web server."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from django.db import connection

from catalog.fetching import client as fetching
from catalog.importing.importer import Result, import_rows
from catalog.importing.rows import ProductRow
from catalog.models import PhotoAddress, Product
from catalog.photo_addresses.turn import Turn
from catalog.photos import open_stored
from ml.images import open_photo
from tests.catalog.fetching.web_server import WebServer
from tests.conftest import picture


@pytest.fixture(autouse=True)
def _shop(media, settings, monkeypatch) -> Iterator[None]:
    settings.FETCH_NETWORKS, settings.FETCH_HTTP = [ip_network("127.0.0.0/8")], True
    # A server that is silent holds up no test for long.
    monkeypatch.setattr("catalog.photo_addresses.turn.LIMITS", fetching.Limits(connect=0.5, read=0.5, whole=1))
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        for colour in ("red", "blue", "green"):
            server.says(f"/{colour}.png", picture(colour))
        yield server


def named(*urls: str, sku: str = "CH-1") -> list[Result]:
    """Import a product whose row names these addresses."""
    return list(import_rows([ProductRow("1", sku, "Oak chair", "Chair", addresses=urls)]))


def turn(**options: Any) -> Counter[str]:
    """What became of what is pending, by outcome, or by the code of a failure."""
    return Counter(each.code or each.outcome.value for each in Turn(**options))


def later() -> None:
    """Let all pauses be over, those of hosts as well."""
    cache.clear()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_photoaddress SET due_at = now() WHERE state = 'waiting'")


def states(sku: str = "CH-1") -> list[str]:
    return list(PhotoAddress.objects.filter(product__sku=sku).order_by("position").values_list("state", flat=True))


def colours(sku: str = "CH-1") -> list[str]:
    """What the product's photos show, in order."""
    found = []
    for photo in Product.objects.get(sku=sku).photos.all():
        shown = np.asarray(open_stored(photo, open_photo))[5, 5]
        found.append(("red", "green", "blue")[shown.argmax()])
    return found
