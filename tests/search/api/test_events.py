"""POST /api/v1/events/: what customers did is stored once, and nonsense is refused by name."""

import json
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from search.models import Event, Query

pytestmark = pytest.mark.django_db


@pytest.fixture
def query(db) -> Query:
    return Query.objects.create(id=uuid4(), kind="photo", ms=9, results=20)


@pytest.fixture
def tell(client, query, product):
    """POST an event about the lamp LAM-1, which is in the query's answer."""
    product("lamp", sku="LAM-1")

    def run(client=client, **fields):
        event = {"query_id": str(query.pk), "kind": "click", "sku": "LAM-1", "position": 1, **fields}
        body = json.dumps({name: value for name, value in event.items() if value is not ...})
        return client.post(reverse("events"), body, content_type="application/json")

    return run


def error(answer) -> tuple[int, str, str | None]:
    [first] = answer.json()["errors"]
    return answer.status_code, first["code"], first["attr"]


def test_a_click_is_stored_and_comes_back(tell, query):
    answer = tell()
    event = Event.objects.get()
    assert (event.query, event.kind, event.sku, event.position) == (query, "click", "LAM-1", 1)
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "query_id": str(query.pk),
            "kind": "click",
            "sku": "LAM-1",
            "position": 1,
            "category": None,
            "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
        },
    )


def test_telling_the_same_again_changes_nothing(tell):
    first = tell()
    again = tell(category="lamp")
    assert (again.status_code, again.json()) == (200, first.json())
    assert [tell(position=2).status_code, tell(kind="cart", position=...).status_code] == [201, 201]
    assert tell(kind="cart", position=None).status_code == 200
    assert Event.objects.count() == 3


def test_a_wrong_category_needs_no_product_and_may_name_the_right_one(tell, category):
    answer = tell(kind="wrong_category", sku=..., position=..., category="lamp")
    assert (answer.status_code, answer.json()["category"], answer.json()["sku"]) == (201, "lamp", "")
    assert Event.objects.get().category == category("lamp")


def test_of_a_wrong_category_the_last_right_one_counts(tell, category):
    category("bed")
    told = [tell(kind="wrong_category", sku=..., position=..., category=slug) for slug in (None, "lamp", "bed", None)]
    assert [answer.status_code for answer in told] == [201, 200, 200, 200]
    assert [answer.json()["category"] for answer in told] == [None, "lamp", "bed", "bed"]
    assert Event.objects.get().category == category("bed")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"query_id": ...}, (400, "required", "query_id")),
        ({"query_id": "7"}, (400, "invalid", "query_id")),
        ({"query_id": "0b0c9a3e-4a55-4a0e-9d2e-2f9f7d0f8a11"}, (400, "unknown_query", "query_id")),
        ({"kind": "look"}, (400, "invalid_choice", "kind")),
        ({"sku": ...}, (400, "sku_missing", "sku")),
        ({"kind": "purchase", "sku": ""}, (400, "sku_missing", "sku")),
        ({"sku": "NONE"}, (400, "unknown_sku", "sku")),
        ({"sku": "a\x00b"}, (400, "null_characters_not_allowed", "sku")),
        ({"sku": "x" * 65}, (400, "max_length", "sku")),
        ({"position": ...}, (400, "position_missing", "position")),
        ({"position": 0}, (400, "min_value", "position")),
        ({"position": 1001}, (400, "max_value", "position")),
        ({"category": "boat"}, (400, "unknown_category", "category")),
        ({"category": "\ud800"}, (400, "unknown_category", "category")),
        ({"sku": "\ud800"}, (400, "surrogate_characters_not_allowed", "sku")),
        ({"sku": "x" * 5000}, (413, "event_too_large", None)),
    ],
)
def test_a_bad_field_is_named(tell, fields, expected):
    assert error(tell(**fields)) == expected
    assert Event.objects.count() == 0


def test_a_bad_body_is_refused(client, tell):
    post = client.post
    assert error(post(reverse("events"), "{", content_type="application/json")) == (400, "parse_error", None)
    assert error(post(reverse("events"), "[" * 4000, content_type="application/json")) == (400, "parse_error", None)
    assert error(post(reverse("events"), {"kind": "click"})) == (415, "unsupported_media_type", None)


def test_a_query_that_the_log_no_longer_keeps_takes_no_events(tell, query, settings):
    settings.QUERY_LOG_DAYS = 3
    Query.objects.update(asked_at=timezone.now() - timedelta(4))
    answer = tell()
    assert error(answer) == (400, "unknown_query", "query_id")
    assert "last 3 days" in answer.json()["errors"][0]["detail"]
    settings.QUERY_LOG_DAYS = 0
    assert error(tell()) == (400, "no_log", "query_id")


def test_an_event_that_overtakes_the_log_holds_no_thread_and_may_be_told_again(tell):
    late = uuid4()
    begun = time.monotonic()
    assert error(tell(query_id=str(late))) == (400, "unknown_query", "query_id")
    assert time.monotonic() - begun < 0.2
    Query.objects.create(id=late, kind="photo", ms=9, results=20)
    assert tell(query_id=str(late)).status_code == 201


def test_a_logged_in_visitor_needs_no_csrf_token(tell):
    visitor = Client(enforce_csrf_checks=True)
    visitor.force_login(get_user_model().objects.create_user("visitor"))
    assert tell(visitor).status_code == 201


def test_strangers_are_throttled(tell, settings):
    from django.core.cache import cache

    cache.clear()
    settings.SEARCH_THROTTLE = "2/min"
    assert [tell(position=position).status_code for position in (1, 2, 3)] == [201, 201, 429]
    cache.clear()


@pytest.mark.parametrize("field", ["query_id", "kind", "sku", "category"])
def test_half_of_a_surrogate_pair_is_refused_in_every_field(tell, field):
    assert error(tell(**{field: "\ud800"}))[::2] == (400, field)
