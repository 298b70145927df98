"""Searches that nobody made, and what customers did with them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from search.models import Event, Query


@pytest.fixture
def asked(db):
    """Log a query without a search: `asked(ms=5, days_ago=1)`."""

    def make(days_ago: float = 0, ms: float = 10.0, **fields) -> Query:
        at = timezone.now() - timedelta(days_ago)
        return Query.objects.create(id=uuid4(), kind="photo", asked_at=at, ms=ms, results=20, **fields)

    return make


def clicked(query: Query, position: int, kind: str = "click") -> None:
    Event.objects.create(query=query, kind=kind, sku="X", position=position)
