"""Keys to the API, and counts that no test finds of another."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import caches

from access import live_origins, usage
from access.models import Key

SHOP = "https://shop.example"
Made = tuple[Key, dict[str, str]]
MakeKey = Callable[..., Made]


@pytest.fixture(autouse=True)
def _nothing_kept():
    def forget() -> None:
        caches["counts"].clear()
        caches["counts_here"].clear()
        live_origins.kept.forget()
        usage._written.cache.clear()

    forget()
    yield
    forget()


@pytest.fixture
def make_key(db) -> MakeKey:
    """Makes a key. Gives it, and the headers of a request with it."""

    def make(kind: str = "pk", **fields: Any) -> Made:
        given = {"name": "page", "scopes": ["search", "read", "events"]}
        if kind == "pk":
            given["origins"] = [SHOP]
        key = Key(kind=kind, **{**given, **fields})
        secret = key.renew()
        key.full_clean()
        key.save()
        return key, {"authorization": f"Bearer {secret}"}

    return make
