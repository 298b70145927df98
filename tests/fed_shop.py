"""Feeds on a web server of this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

import pytest
from django.utils import timezone

from catalog.feeds import runs
from catalog.feeds.models import Feed
from catalog.importing import jobs
from catalog.models import Import, Product
from tests.catalog.fetching.web_server import WebServer

HEADER = "sku,name,category,price,in_stock\n"
A_BATCH = 0  # Seconds: the turn is over as soon as one batch is settled.


def table(*skus: str, price: str = "5", more: str = "") -> bytes:
    """A catalogue of these chairs."""
    return (HEADER + "".join(f"{sku},Chair {sku},Chair,{price},true\n" for sku in skus) + more).encode()


def numbered(count: int, first: int = 0) -> list[str]:
    return [f"CH-{number}" for number in range(first, first + count)]


@pytest.fixture
def feed_server(settings, tmp_path) -> Iterator[WebServer]:
    """A server that the shop may read feeds from."""
    settings.IMPORTS_ROOT = tmp_path / "imports"
    settings.FETCH_NETWORKS = [ip_network("127.0.0.1/32")]
    settings.FETCH_HTTP = True
    with WebServer() as server:
        yield server


@dataclass
class Fed:
    """A feed, and the server that has its file."""

    web: WebServer
    feed: Feed

    def has(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.web.says(self.path, body, status, **headers)

    @property
    def path(self) -> str:
        return f"/{self.feed.name}"

    def runs(self, body: bytes | None = None, status: int = 200, **headers: str) -> str:
        """Have it read, checked and imported as by workers. Returns the state of its last run."""
        if body is not None:
            self.has(body, status, **headers)
        Feed.objects.filter(pk=self.feed.pk).update(next_run=timezone.now())
        runs.work(60)
        jobs.work(60)
        return self.last.state

    @property
    def last(self) -> Import:
        return self.feed.imports.latest("pk")

    @property
    def now(self) -> Feed:
        return Feed.objects.get(pk=self.feed.pk)

    @property
    def skus(self) -> set[str]:
        return set(self.feed.products.held().values_list("product__sku", flat=True))

    def counts(self) -> tuple[int, ...]:
        run = self.last
        return run.added, run.updated, run.unchanged, run.refused, run.gone


@pytest.fixture
def fed(db, feed_server):
    """A feed of that name: `fed("oak", gone="delete")`."""

    def make(name: str = "oak", **fields: object) -> Fed:
        return Fed(feed_server, Feed.objects.create(name=name, address=feed_server.url(f"/{name}"), **fields))

    return make


def in_stock() -> set[str]:
    return set(Product.objects.filter(in_stock=True).values_list("sku", flat=True))
