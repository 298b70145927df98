"""The query log: what a search leaves behind, today's numbers, days, and what is dropped."""

import json
import logging
import socket
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from search import tasks, training
from search.log import days, queries
from search.models import Day, Event, Query
from tests import commands
from tests.api_answers import errors, invalid
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(indexed_shop, space):
    """Six lamps and six beds, with a trained head."""
    training.train(space)


@pytest.fixture
def ask(client, shop):
    """POST a query photo of one colour, reddish as a lamp is; returns the answer's body."""

    def run(colour=(250, 0, 0), **fields):
        upload = SimpleUploadedFile("photo.png", picture(colour))
        answer = client.post(reverse("search"), {"image": upload, **fields})
        assert answer.status_code == 200
        return answer.json()

    return run


@pytest.fixture
def asked():
    """Log a query without a search: `asked(ms=5, days_ago=1)`."""

    def make(days_ago: float = 0, ms: float = 10.0, **fields) -> Query:
        at = timezone.now() - timedelta(days_ago)
        return Query.objects.create(id=uuid4(), kind="photo", asked_at=at, ms=ms, results=20, **fields)

    return make


def clicked(query: Query, position: int, kind: str = "click") -> None:
    Event.objects.create(query=query, kind=kind, sku="X", position=position)


def test_a_photo_search_is_logged_with_what_the_gate_chose(ask, space, category):
    body = ask(limit=3)
    query = Query.objects.get()
    assert (query.pk, query.kind, query.space, query.mode) == (UUID(body["query_id"]), "photo", space, "classifier")
    searched = {one["slug"] for one in body["gate"]["categories"] if one["searched"]}
    assert query.searched == sorted(category(slug).pk for slug in searched)
    assert query.category == category(body["gate"]["categories"][0]["slug"])
    assert (query.results, query.ms, query.vector) == (3, body["timings_ms"]["total"], None)
    assert abs(timezone.now() - query.asked_at) < timedelta(seconds=10)


def test_the_category_that_a_caller_named_is_logged_as_the_first(ask, category):
    ask(category="bed")
    query = Query.objects.get()
    assert (query.mode, query.searched, query.category) == ("override", [category("bed").pk], category("bed"))


def test_similar_products_are_logged_under_their_category(shop, client, product, category):
    product("lamp", sku="bare")
    body = client.get(reverse("similar", args=["bare"])).json()
    query = Query.objects.get()
    assert (query.pk, query.kind, query.mode) == (UUID(body["query_id"]), "similar", "")
    assert (query.searched, query.category, query.results) == ([category("lamp").pk], category("lamp"), 0)


def test_a_search_that_is_refused_leaves_nothing(shop, client):
    assert client.post(reverse("search"), {}).status_code == 400
    photo, pair = (SimpleUploadedFile("photo.png", picture()) for _ in range(2))
    answer = client.post(reverse("search"), {"image": photo, "attributes": pair})
    assert errors(answer) == invalid("attributes", "invalid")
    assert Query.objects.count() == 0


def test_a_log_of_no_days_writes_nothing(ask, settings):
    settings.QUERY_LOG_DAYS = 0
    with CaptureQueriesContext(
        connection,
    ) as captured:
        ask()
    assert Query.objects.count() == 0
    assert not [query for query in captured.captured_queries if "search_query" in query["sql"]]


def test_a_query_that_cannot_be_logged_is_answered_all_the_same(ask, caplog, monkeypatch):
    same = uuid4()
    monkeypatch.setattr("uuid.uuid4", lambda: same)
    Query.objects.create(id=same, kind="text", ms=1, results=0)
    with caplog.at_level(logging.WARNING, "search.api.logged"):
        assert ask()["query_id"] == str(same)
    [record] = [record for record in caplog.records if record.name == "search.api.logged"]
    assert "was not logged" in record.message
    assert Query.objects.get().kind == "text"


def test_today_counts_searches_since_midnight_and_takes_the_middle_time(asked):
    assert queries.today() == queries.Today(0, None)
    for ms in (30, 10, 20, 40):
        asked(ms=ms)
    asked(days_ago=1, ms=1)
    assert queries.today() == queries.Today(4, 20.0)


def test_of_many_searches_the_newest_tell_the_median(asked, monkeypatch):
    monkeypatch.setattr(queries, "MEDIAN_OF", 3)
    now = timezone.now()
    for ago, ms in enumerate((5, 7, 6, 800, 900)):
        Query.objects.filter(pk=asked(ms=ms).pk).update(asked_at=now - timedelta(milliseconds=ago))
    assert queries.today().median_ms == 6.0


def test_days_are_summed_up_in_all_and_by_category(asked, category):
    lamp, bed = category("lamp"), category("bed")
    searches = [asked(days_ago=1, category=lamp) for _ in range(4)]
    asked(days_ago=1, category=bed)
    other = asked(days_ago=1)
    clicked(searches[0], 1)
    clicked(searches[0], 4)
    clicked(searches[1], 5)
    clicked(searches[2], 11)
    clicked(searches[2], 11, "cart")
    clicked(searches[2], 12, "cart")
    clicked(searches[2], 11, "purchase")
    clicked(other, 10)
    Event.objects.create(query=other, kind="wrong_category", category=bed)
    yesterday = timezone.localdate() - timedelta(1)
    assert days.roll_up() == [yesterday]
    columns = ("category", "searches", "clicked_1", "clicked_5", "clicked_10", "carts", "purchases")
    assert list(Day.objects.filter(date=yesterday).values_list(*columns)) == [
        (None, 6, 1, 2, 3, 2, 1),
        *sorted([(lamp.pk, 4, 1, 2, 2, 2, 1), (bed.pk, 1, 0, 0, 0, 0, 0)]),
    ]
    clicked(searches[3], 1)
    days.roll_up()
    days.roll_up()
    assert list(Day.objects.filter(category=None).values_list("searches", "clicked_1")) == [(6, 2)]
    assert commands.run("rollup").splitlines()[1].split() == [str(yesterday), "6", "33.3%", "50.0%", "66.7%", "2", "1"]


def test_days_that_were_missed_are_made_up_for_and_older_ones_stay(asked):
    asked(days_ago=9)
    assert len(days.roll_up()) == 1
    asked(days_ago=9)
    assert days.roll_up() == []
    assert Day.objects.get().searches == 1


def test_a_category_that_is_gone_counts_in_all_alone(asked, category):
    asked(category=category("lamp"))
    gone = category("bed").pk
    category("bed").delete()
    asked(category_id=gone)
    days.roll_up()
    assert list(Day.objects.values_list("category", "searches")) == [(None, 2), (category("lamp").pk, 1)]


def test_old_queries_go_with_their_events_and_their_days_stay(asked, settings, monkeypatch):
    monkeypatch.setattr(queries, "PRUNED_AT_ONCE", 2)
    settings.QUERY_LOG_DAYS = 2
    for days_ago in (3, 3, 3, 2, 0):
        clicked(asked(days_ago=days_ago), 1)
    sums = dict.fromkeys(("clicked_1", "clicked_5", "clicked_10", "carts", "purchases"), 1)
    Day.objects.create(date=timezone.localdate() - timedelta(3), searches=3, **sums)
    tasks.roll_up()
    assert (Query.objects.count(), Event.objects.count()) == (2, 2)
    assert list(Day.objects.values_list("searches", flat=True)) == [1, 1, 3]
    settings.QUERY_LOG_DAYS = 0
    tasks.roll_up()
    assert (Query.objects.count(), Day.objects.count()) == (0, 3)


def test_staff_see_the_log_and_change_nothing(asked, client, space):
    query = asked(space=space, vector=[0.5] * 4)
    asked(space_id=space.pk + 1)  # One that was dropped since.
    clicked(query, 1)
    days.roll_up()
    client.force_login(get_user_model().objects.create_superuser("staff"))
    for model in ("query", "event", "day"):
        page = client.get(reverse(f"admin:search_{model}_changelist"))
        assert page.status_code == 200
        assert client.get(reverse(f"admin:search_{model}_add")).status_code == 403
    assert "all</td>" in page.content.decode()
    page = client.get(reverse("admin:search_query_change", args=[query.pk]))
    fields = flatten_fieldsets(page.context["adminform"].fieldsets)
    assert (page.status_code, "ms" in fields, "vector" in fields) == (200, True, False)
    assert client.post(reverse("admin:search_query_delete", args=[query.pk]), {"post": "yes"}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_client_has_the_whole_answer_before_the_log_is_written(space, product, live_server, monkeypatch):
    product("lamp", sku="bare")
    log = queries.log

    def late(query: Query) -> None:
        time.sleep(0.5)
        log(query)

    monkeypatch.setattr(queries, "log", late)
    begun = time.monotonic()
    with socket.create_connection((live_server.thread.host, live_server.thread.port)) as client:
        client.sendall(b"GET /api/v1/products/bare/similar/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b'"total"' not in received:
            received += client.recv(65536)
    assert time.monotonic() - begun < 0.5
    query_id = json.loads(received.split(b"\r\n\r\n", 1)[1])["query_id"]
    while not Query.objects.filter(pk=query_id).exists():
        assert time.monotonic() - begun < 10
        time.sleep(0.05)
