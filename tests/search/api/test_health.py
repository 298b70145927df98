import json
import os
import time

import pytest
import redis
from django.core.cache import cache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from ml.recipes import make_recipe
from search.api import health
from search.models import Space

# The database is asked from another thread, which sees committed rows only.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_warm():
    health._warm.cache_clear()
    health._check_migrations.cache_clear()


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
    assert (answer.status_code, answer.json()["reasons"]) == (503, {"redis": "Redis does not answer"})


def test_it_is_not_ready_without_weights_and_does_not_tell_strangers_where_they_lie(client, tmp_path):
    recipe = {**make_recipe("random").as_dict(), "weights": str(tmp_path / "gone.pth")}
    Space.objects.create(name="gone", recipe=recipe, dimensions=2048, state=Space.State.LIVE)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reasons"]) == (
        503,
        {"model": "the model cannot be loaded: see the log"},
    )


@pytest.fixture
def newest():
    """The newest migration of search."""
    [migration] = MigrationLoader(connection).graph.leaf_nodes("search")
    yield migration
    MigrationRecorder(connection).record_unapplied(*migration)  # It may be there already.
    MigrationRecorder(connection).record_applied(*migration)


def test_a_migration_that_is_missing_is_told_until_it_is_there(client, space, newest):
    MigrationRecorder(connection).record_unapplied(*newest)
    for _ in range(2):
        reasons = client.get("/readyz").json()["reasons"]
        assert reasons == {"database": "migrations are missing: run manage.py migrate"}
    MigrationRecorder(connection).record_applied(*newest)
    assert client.get("/readyz").status_code == 200


def test_that_no_migration_is_missing_is_asked_once(client, space, newest):
    assert client.get("/readyz").status_code == 200
    MigrationRecorder(connection).record_unapplied(*newest)
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def parts(settings, tmp_path):
    """What the supervisor tells, while it runs."""
    settings.VAR = tmp_path
    told = {"parts": {"beat": {"state": "down", "restarts": 2}}, "processes": [[1, 2]]}
    (tmp_path / "parts.json").write_text(json.dumps(told))
    return tmp_path / "parts.json"


def test_a_part_that_is_down_is_told_and_searches_are_ready(client, space, parts):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "parts": {"beat": {"state": "down", "restarts": 2}}}


def test_the_parts_of_a_former_run_are_not_told(client, space, parts):
    an_hour_ago = time.time() - 3600
    os.utime(parts, (an_hour_ago, an_hour_ago))
    assert client.get("/readyz").json() == {"status": "ready"}


def test_it_is_ready_with_a_full_disk_and_says_what_cannot_be_stored(client, space, small_disk, settings):
    disk = small_disk(megabytes=32)
    settings.MEDIA_ROOT = disk.folder
    disk.fill()
    answer = client.get("/readyz")
    told = {"status": "ready", "details": {"photos": "the disk is full: nothing can be stored"}}
    assert (answer.status_code, answer.json()) == (200, told)
    disk.free()
    assert client.get("/readyz").json() == {"status": "ready"}


def test_it_says_that_a_disk_may_not_be_written_to(client, space, small_disk, settings):
    disk = small_disk(megabytes=32)
    settings.MEDIA_ROOT = disk.folder / "media"
    disk.make_read_only()
    told = {"photos": "the disk cannot be written to: nothing can be stored"}
    assert client.get("/readyz").json() == {"status": "ready", "details": told}
