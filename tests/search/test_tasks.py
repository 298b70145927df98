import pytest
from celery import current_app

from search import indexing, photo_states, tasks
from search.models import Head

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch):
    """Names of the tasks asked for; nothing reaches Celery's queue."""
    names: list[str] = []
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda task, **options: names.append(task.name))
    return names


@pytest.fixture
def shop(photo):
    for shade in range(6):
        photo((200 + 5 * shade, 10, 10), "lamp")
        photo((10, 10, 200 + 5 * shade), "bed")


def test_one_bell_indexes_all_and_asks_for_a_head(space, shop, asked):
    tasks.index_pending()
    assert photo_states.pending(space).count() == 0
    assert asked == ["search.tasks.train_head"]
    tasks.train_head()
    assert Head.objects.get().space == space


def test_repeated_messages_change_nothing(space, shop, asked):
    tasks.index_pending()
    tasks.train_head()
    head = Head.objects.get()
    tasks.index_pending()
    tasks.train_head()
    assert Head.objects.get() == head
    assert asked == ["search.tasks.train_head"]


def test_a_turn_that_is_over_rings_for_the_next_one(space, shop, monkeypatch):
    rings = []
    monkeypatch.setattr(tasks, "TURN", -1)
    monkeypatch.setattr(tasks.worker_bell, "ring", lambda: rings.append(1))
    monkeypatch.setattr(indexing, "index_batch", lambda space: 1)
    tasks.index_pending()
    assert rings == [1]


def test_beat_rings_tasks_that_exist():
    expected = {tasks.index_pending, tasks.import_pending, tasks.maintain, tasks.roll_up}
    known = {task.name for task in expected}
    assert {entry["task"] for entry in current_app.conf.beat_schedule.values()} == known
