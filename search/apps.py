"""The one place where search listens to what is saved."""

from functools import partial
from typing import Any

from django.apps import AppConfig
from django.db import transaction
from django.db.models.signals import post_save


class SearchConfig(AppConfig):
    name = "search"

    def ready(self) -> None:
        from catalog.models import Category, Feed, Import, Photo, Product
        from catalog.photo_addresses import bell
        from search import checks  # noqa: F401
        from search.models import Space

        post_save.connect(on_catalog_change, sender=Photo, dispatch_uid="photo-bell")
        post_save.connect(on_catalog_change, sender=Product, dispatch_uid="product-bell")
        post_save.connect(on_catalog_change, sender=Space, dispatch_uid="space-bell")
        post_save.connect(on_import, sender=Import, dispatch_uid="import-bell")
        post_save.connect(on_feed, sender=Feed, dispatch_uid="feed-bell")
        bell.due.connect(on_addresses_due, dispatch_uid="fetch-bell")
        post_save.connect(on_category_made, sender=Category, dispatch_uid="category-partitions")


def on_catalog_change(**kwargs: Any) -> None:
    """Wake a worker after commit: a photo or space is new, or a product may have moved to another category."""
    from search import worker_bell

    transaction.on_commit(worker_bell.ring, robust=True)


def on_import(**kwargs: Any) -> None:
    """Wake a worker after commit: an import was sent, or is to be run."""
    from search import worker_bell

    transaction.on_commit(partial(worker_bell.ring, worker_bell.IMPORT), robust=True)


def on_feed(**kwargs: Any) -> None:
    """Wake a worker after commit: a feed may be due, or staff asked for it."""
    from search import worker_bell

    transaction.on_commit(partial(worker_bell.ring, worker_bell.FEEDS), robust=True)


def on_addresses_due(**kwargs: Any) -> None:
    """Wake the worker that fetches after commit: web addresses of photos are due."""
    from search import worker_bell

    transaction.on_commit(partial(worker_bell.ring, worker_bell.FETCH), robust=True)


def on_category_made(created: bool, **kwargs: Any) -> None:
    """Make a leaf for the new category, after commit: its locks on the table must not last as long as an import."""
    from search import spaces

    if created:
        transaction.on_commit(spaces.ensure_partitions, robust=True)
