import pytest
import redis
from django.core.cache import cache
from django.db import OperationalError, connection

pytestmark = pytest.mark.django_db


def test_a_process_that_answers_is_alive(client):
    assert client.get("/livez").json() == {"status": "alive"}


def test_it_is_ready_with_database_redis_and_model(client, space):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_it_is_not_ready_without_a_live_space(client):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == {"search": "there is no live space: run manage.py prepare"}


def test_it_is_not_ready_without_redis(client, space, monkeypatch):
    def refuse(*args):
        raise redis.ConnectionError("refused")

    monkeypatch.setattr(cache, "get", refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == {"redis": "Redis does not answer: refused"}


def test_it_is_not_ready_without_the_database(client, monkeypatch):
    def refuse(*args):
        raise OperationalError("refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"]["database"] == "the database does not answer: refused"
