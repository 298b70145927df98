"""What every test may use: catalogue rows and pictures made on the spot."""

import gc
import io
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings as project
from django.contrib.auth.models import Permission, User
from django.db import connection, connections
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from catalog.models import Category, Photo, Product
from catalog.photos import add_photo
from ml.decoding import pool
from search.models import Space
from search.store import partitions
from tests.environment import WORKER

pytest_plugins = [
    "tests.fed_shop",
    "tests.grid_space",
    "tests.large_leaves",
    "tests.made_up_families",
    "tests.search_log",
    "tests.small_disks",
]
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
Colour = str | tuple[int, int, int]


def pytest_configure() -> None:
    gc.disable()  # What is imported and collected lives to the end: searching it takes a seventh of that time.
    signal.signal(signal.SIGINT, signal.default_int_handler)  # A test run in the background would ignore Ctrl-C.
    # These cost time and prove nothing here.
    project.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # Others are slow on purpose.
    project.WHITENOISE_USE_FINDERS = False  # Each test client would search all static files anew, for 30 ms.


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than there are cores: tests of real processes wait for a quarter of their time."""
    return min((os.cpu_count() or 1) + 1, 4)  # Each takes 2 GB, and seconds to collect the tests.


def pytest_itemcollected(item: pytest.Item) -> None:
    """pytest leaves the operation out of the ids of schemathesis's tests."""
    if item.parent and item.name not in item.nodeid:
        item._id = item.parent.id.child(item.name)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name bytes after their argument: they may hold the time they were made, and processes must agree on names."""
    return argname if isinstance(val, bytes) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files with slow tests first. Processes share the tests file by file, and one would be left for the end."""
    assert len({item.nodeid for item in items}) == len(items), "of tests with one id, pytest-xdist runs the first alone"
    if WORKER:
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # Libraries complain of what is left at the end of a process.


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> None:
    """Tests that commit empty all tables after them. Their database need not outlive the machine."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET fsync = off")
        cursor.execute("SELECT pg_reload_conf()")


@pytest.fixture
def busy_decoders(monkeypatch) -> None:
    """All decoders are taken, and nobody waits for one."""
    monkeypatch.setattr(pool, "decoders", pool.Decoders(places=0, patience=0))


def picture(colour: Colour = "red", size: tuple[int, int] = (64, 64), kind: str = "PNG") -> bytes:
    """An encoded picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


@dataclass
class Watched:
    """A page, and all that it asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def in_context(cls, context: BrowserContext) -> "Watched":
        watched = cls(context.new_page())
        watched.page.on("request", lambda request: watched.requests.append(request.url))
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        watched.page.on("console", lambda message: watched.complaints.append(message.text))
        return watched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, where there is one, for the tests of one file: it takes a second to start."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium-headless-shell")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright runs an event loop in this thread, and Django would refuse it the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
        connections.close_all()  # The connections under an event loop are not those outside.


@pytest.fixture
def watched(browser) -> Iterator[Watched]:
    context = browser.new_context()
    yield Watched.in_context(context)
    context.close()


@pytest.fixture(autouse=True)
def _no_leaves_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Drop the leaves that a test with commits leaves behind: emptied, they would come to belong to later spaces."""
    marker = request.node.get_closest_marker("django_db")
    committing = {"live_server", "transactional_db"} & {*request.fixturenames}
    if committing or (marker and marker.kwargs.get("transaction")):
        request.getfixturevalue("transactional_db")
        yield
        for space in Space.objects.all():
            partitions.when_free(partial(partitions.drop_branch, space))
    else:
        yield


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.LogCaptureFixture]:
    """Hears every logger, whatever the libraries of earlier tests in this process told them."""
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            monkeypatch.setattr(logger, "disabled", False)
    with caplog.at_level(logging.INFO):
        yield caplog


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


@pytest.fixture
def client_with(db):
    """An API client whose user has the permissions named, such as "add_photo"."""

    def make(*codenames: str) -> Client:
        user = User.objects.create_user(f"user-{User.objects.count()}")
        permissions = Permission.objects.filter(content_type__app_label="catalog", codename__in=codenames)
        assert len(permissions) == len(codenames)
        user.user_permissions.set(permissions)
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def editor(client_with):
    """An API client that may do everything in the catalogue."""
    models = ("category", "product", "photo")
    return client_with(*(f"{verb}_{model}" for verb in ("add", "change", "delete") for model in models))
