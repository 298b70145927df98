"""What a search leaves in the log once it was answered."""

import json
import logging
import socket
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from search import head_training
from search.log import queries
from search.models import Query
from tests.api_answers import errors, invalid
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(indexed_shop, space):
    """Six lamps and six beds, with a trained head."""
    head_training.train(space)


@pytest.fixture
def ask(client, shop):
    """POST a query photo of one colour, reddish as a lamp is; returns the answer's body."""

    def run(colour=(250, 0, 0), **fields):
        upload = SimpleUploadedFile("photo.png", picture(colour))
        answer = client.post(reverse("search"), {"image": upload, **fields})
        assert answer.status_code == 200
        return answer.json()

    return run


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


def test_a_search_is_logged_with_the_id_of_its_answer(shop, client, product):
    product("lamp", sku="bare")
    answer = client.get(reverse("similar", args=["bare"]), headers={"x-request-id": "abc-1"})
    assert (Query.objects.get().request_id, answer.headers["X-Request-ID"]) == ("abc-1", "abc-1")


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
    with caplog.at_level(logging.WARNING, "search.api.logged_answers"):
        assert ask()["query_id"] == str(same)
    [record] = [record for record in caplog.records if record.name == "search.api.logged_answers"]
    assert "was not logged" in record.message
    assert Query.objects.get().kind == "text"


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
