"""A page in a real browser, and a real shop for the whole package."""

import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.test import override_settings
from django.test.utils import setup_databases, teardown_databases
from PIL import Image, ImageDraw
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from catalog.models import Category, Product
from catalog.photos import add_photo
from ml.recipes import make_recipe
from search import head_training
from search.indexing import index_batch
from search.models import Space
from search.spaces import ensure_live
from search.store import partitions
from tests.conftest import Watched

# Thirteen products in each of two categories: two more than one page of results.
COLOURS = (
    "red",
    "green",
    "blue",
    "orange",
    "purple",
    "brown",
    "silver",
    "grey",
    "pink",
    "navy",
    "olive",
    "teal",
    "gold",
)
PATTERNS = ("stripes", "dots")


def in_thread(work: Callable[[], Any]) -> Any:
    """Run `work` in a thread where Django may ask the database, and return its result."""

    def done() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(done).result()


@cache
def picture(colour: str, pattern: str, kind: str = "PNG") -> bytes:
    """A drawing as a file."""
    return encoded(drawn(colour, pattern), kind)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def drawn(colour: str, pattern: str) -> Image.Image:
    """Stripes on white or dots on black: so different that even an untrained network tells them apart.

    The plain rim around them makes it a photo of one thing.
    """
    image = Image.new("RGB", (160, 160), "white" if pattern == "stripes" else "black")
    draw = ImageDraw.Draw(image)
    for step in range(8, 150, 32):
        if pattern == "stripes":
            draw.rectangle((step, 8, step + 15, 151), fill=colour)
        else:
            for row in range(8, 150, 32):
                draw.ellipse((step, row, step + 20, row + 20), fill=colour)
    return image


def two_rugs() -> bytes:
    """A photo of red stripes on the left and blue dots on the right, as a file."""
    both = Image.new("RGB", (320, 160))
    both.paste(drawn("red", "stripes"), (0, 0))
    both.paste(drawn("blue", "dots"), (160, 0))
    return encoded(both)


@pytest.fixture(scope="package")
def test_database(django_db_setup, django_db_blocker) -> Iterator[None]:
    """The test database, open to the whole package.

    pytest-django makes it only where it collects a test that is marked for it, and such a test would ask the database
    from the thread of the browser.
    """
    with django_db_blocker.unblock():
        if connection.settings_dict["NAME"].startswith("test_"):
            yield
        else:
            made = setup_databases(verbosity=0, interactive=False, aliases={"default": False})
            yield
            teardown_databases(made, verbosity=0)


@pytest.fixture(scope="package")
def running_shop(test_database, tmp_path_factory) -> Iterator[str]:
    """The address of a shop that is indexed and has a head, the same for all tests of the package."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "samples").mkdir()
    (folder / "samples" / "red-dots.png").write_bytes(picture("red", "dots"))
    (folder / "samples" / "two-rugs.png").write_bytes(two_rugs())
    changed = override_settings(
        MEDIA_ROOT=folder / "media", STOREFRONT_SAMPLES=[folder / "samples"], ALLOWED_HOSTS=["localhost", "testserver"]
    )
    with changed:
        space = stock()
        server = LiveServer("localhost")
        # Stopping then waits for searches that a page gave up: their rows would come after the flush.
        server.thread.httpd.daemon_threads = False
        yield server.url
        server.stop()
        # The flush only empties tables, which another space would then come to own.
        partitions.when_free(lambda: partitions.drop_branch(space))
        call_command("flush", interactive=False, verbosity=0)


def stock() -> Space:
    """Fill the shop; its head knows the two categories well."""
    for place, pattern in enumerate(PATTERNS):
        category = Category.objects.create(slug=pattern, name=pattern.title())
        for number, colour in enumerate(COLOURS):
            product = Product.objects.create(
                sku=f"{pattern}-{colour}",
                name=f"{colour.title()} {pattern}",
                category=category,
                description=f"A rug of wool with {colour} {pattern} all over.",
                price=None if colour == "blue" else f"{100 * (number + 1) + place}.50",
                in_stock=colour != "green",
                url="https://shop.example/red" if colour == "red" else "",
                attributes={"color": colour, "size": "large" if number % 2 else "small", "width_cm": 80 + number},
            )
            add_photo(product, picture(colour, pattern))
    add_photo(Product.objects.get(sku="stripes-red"), picture("crimson", "stripes"))
    space = ensure_live(make_recipe("random"))
    while index_batch(space):
        pass
    head_training.train(space)
    return space


@pytest.fixture
def shop(running_shop, watched) -> Iterator[Watched]:
    """The start page, opened. The test fails if it complained or asked any other host."""
    watched.page.goto(running_shop)
    yield watched
    assert watched.complaints == []
    hosts = {urlsplit(url).netloc for url in watched.requests if not url.startswith("blob:")}
    assert hosts == {urlsplit(running_shop).netloc}


def upload(page: Page, data: bytes, name: str = "mine.png", mime: str = "image/png") -> None:
    page.locator("#photo").set_input_files({"name": name, "mimeType": mime, "buffer": data})


def heading(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("heading", level=1, name=name)


def names(page: Page) -> list[str]:
    """The products shown, once the page is not busy."""
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")
    return page.locator("#grid .card .name").all_inner_texts()
