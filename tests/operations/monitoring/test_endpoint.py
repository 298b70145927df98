"""Who may read /metrics, and what it says of a shop."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.db import DatabaseError

from catalog.models import Import, Photo
from metrics import shared
from operations import last_backup
from operations.monitoring import broker, endpoint, machine, scrape, shop
from operations.monitoring.scrape import Scrape
from search import indexing, worker_bell
from search.models import LeafIndex, Rejection
from tests.operations.monitoring.scraped import samples

TOKEN = "a token of the shop"
# PostgreSQL is asked from another thread, which sees committed rows only.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def with_token(settings, monkeypatch):
    settings.METRICS_TOKEN = TOKEN
    monkeypatch.setattr(endpoint, "scrape", Scrape())


def scraped(client) -> dict[str, float]:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return samples(answer.content.decode())


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", "Bearer a token of the shop, nearly", f"Basic {TOKEN}"])
def test_strangers_are_told_how_to_be_let_in(client, sent):
    answer = client.get("/metrics", headers={"Authorization": sent} if sent else {})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    [error] = answer.json()["errors"]
    assert error["code"] == "not_authenticated"
    assert "METRICS_TOKEN" in error["detail"]


def test_an_empty_token_lets_nobody_in(client, settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_staff_may_read_it_and_customers_may_not(client):
    client.force_login(User.objects.create_user("customer"))
    assert client.get("/metrics").status_code == 401
    client.force_login(User.objects.create_user("staff", is_staff=True))
    assert client.get("/metrics").status_code == 200


def test_behind_tls_it_is_answered_without(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/metrics").status_code == 308
    settings.SECURE_REDIRECT_EXEMPT = ["^metrics$"]
    client.handler.load_middleware()
    assert client.get("/metrics").status_code == 401


def test_it_tells_the_states_of_photos_and_why_some_are_rejected(client, space, photo):
    photo("red")
    indexing.index_batch(space)
    old, bad, lost = photo("green"), photo("blue"), photo("white")
    Photo.objects.filter(pk=old.pk).update(created_at=datetime.now(UTC) - timedelta(hours=2))
    damaged = "The photo is damaged or cut short: export or download it again, then send it."
    Rejection.objects.create(space=space, photo=bad, reason=damaged)
    Rejection.objects.create(space=space, photo=lost, reason="The photo storage does not answer.")
    found = scraped(client)
    assert [found[f"lamplight_photos{{state={state}}}"] for state in ("indexed", "pending", "rejected")] == [1, 1, 2]
    assert found["lamplight_photos_pending_oldest_age_seconds"] == pytest.approx(7200, abs=60)
    assert found["lamplight_photos_rejected{reason=corrupt}"] == 1
    assert found["lamplight_photos_rejected{reason=storage}"] == 1
    assert found["lamplight_products"] == 4
    assert found[f"lamplight_index_vectors{{space={space.name},state=live}}"] == 1


def test_it_tells_the_least_recall_of_the_live_space(client, space, category):
    assert not [name for name in scraped(client) if name.startswith("lamplight_index_recall_ratio{")]
    for slug, recall in (("lamp", 0.99), ("chair", 0.97)):
        LeafIndex.objects.create(space=space, category=category(slug), ef_search=40, recall=recall, photos=2000)
    endpoint.scrape = Scrape()
    assert scraped(client)[f"lamplight_index_recall_ratio{{space={space.name},state=live}}"] == 0.97


def test_it_tells_imports_and_the_last_backup(client, settings, tmp_path):
    settings.VAR = tmp_path
    Import.objects.create(state=Import.State.FAILED)
    made_at = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)
    last_backup.record(made_at.isoformat(), tmp_path / "backup")
    found = scraped(client)
    assert (found["lamplight_imports{state=failed}"], found["lamplight_imports{state=done}"]) == (1, 0)
    assert found["lamplight_backup_last_success_timestamp_seconds"] == made_at.timestamp()


def test_it_tells_how_long_the_queues_are_and_since_when_a_message_waits(client):
    before = scraped(client)
    assert before["lamplight_redis_up"] == 1
    worker_bell.send("descriptions.tasks.caption_pending")
    time.sleep(0.1)
    endpoint.scrape = Scrape()
    after, queue = scraped(client), "{queue=captions}"
    try:
        assert after[f"lamplight_queue_messages{queue}"] == before[f"lamplight_queue_messages{queue}"] + 1
        assert after[f"lamplight_queue_oldest_age_seconds{queue}"] >= 0.1
    finally:
        with current_app.connection_for_write() as connection:
            connection.SimpleQueue("captions").clear()


def test_a_message_that_nobody_can_read_is_a_message(client):
    with broker._client() as redis:
        redis.rpush("captions", b"no JSON")
        try:
            found = scraped(client)
        finally:
            redis.delete("captions")
    assert (found["lamplight_redis_up"], found["lamplight_queue_oldest_age_seconds{queue=captions}"]) == (1, 0)
    assert found["lamplight_queue_messages{queue=captions}"] >= 1


def test_a_database_that_is_slow_to_count_is_up(client, monkeypatch):
    may = threading.Event()

    def photos():
        may.wait(30)
        return ()

    monkeypatch.setattr(shop, "QUESTIONS", (photos,))
    monkeypatch.setattr(scrape, "PATIENCE", 0.5)
    monkeypatch.setattr(scrape, "KEPT", 0)
    monkeypatch.setattr(endpoint, "scrape", Scrape())
    try:
        for _ in range(2):
            found = scraped(client)
            assert (found["lamplight_database_up"], found["lamplight_scrape_answered{part=photos}"]) == (1, 0)
    finally:
        may.set()


@pytest.mark.parametrize(
    ("module", "name", "part"),
    [(shared, "counted", "counts"), (machine, "collect", "machine"), (machine, "disks", "disks")],
)
def test_whatever_fails_costs_its_part_alone(module, name, part, client, monkeypatch):
    def fail():
        raise RuntimeError("Read beyond file size detected, file is corrupted.")

    monkeypatch.setattr(module, name, fail)
    monkeypatch.setattr(endpoint, "scrape", Scrape())
    found = scraped(client)
    assert found[f"lamplight_scrape_answered{{part={part}}}"] == 0
    assert (found["lamplight_database_up"], found["lamplight_scrape_answered{part=catalogue}"]) == (1, 1)


def test_an_answer_of_the_database_is_kept_for_a_moment(client, product):
    assert scraped(client)["lamplight_products"] == 0
    product()
    assert scraped(client)["lamplight_products"] == 0


def test_a_part_that_cannot_be_counted_costs_that_part_alone(client, monkeypatch):
    def photos():
        raise DatabaseError("canceling statement due to statement timeout")

    monkeypatch.setattr(shop, "QUESTIONS", (shop.catalogue, photos))
    monkeypatch.setattr(endpoint, "scrape", Scrape())
    found = scraped(client)
    assert found["lamplight_scrape_answered{part=photos}"] == 0
    assert (found["lamplight_scrape_answered{part=catalogue}"], found["lamplight_products"]) == (1, 0)


def test_a_search_is_counted_with_its_outcome_and_stages(client, space, photo):
    photo("red", "lamp")
    indexing.index_batch(space)
    before = scraped(client)
    answer = client.get("/api/v1/products/lamp-1/similar/")
    assert client.get("/api/v1/products/none/similar/").status_code == 404
    assert client.options("/api/v1/products/lamp-1/similar/").status_code == 200
    assert client.post("/api/v1/products/lamp-1/similar/").status_code == 405
    assert answer.json()["results"] == []
    after = scraped(client)

    def more(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert more("lamplight_searches_total{kind=similar,outcome=empty}") == 1
    assert more("lamplight_searches_total{kind=similar,outcome=refused}") == 1
    assert more("lamplight_search_stage_duration_seconds_count{kind=similar,stage=search}") == 1
    assert more("lamplight_search_duration_seconds_count{kind=similar}") == 1
