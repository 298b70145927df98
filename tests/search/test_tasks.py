import pytest
from celery import current_app
from django.db import OperationalError
from django.db.models import QuerySet

from access.tasks import write_usage
from catalog.models import VocabularyWord
from descriptions.tasks import tag_pending
from ml.recipes import WeightsError
from operations.tasks import report_leftovers
from search import indexing, photo_states, tasks
from search.models import Head, Space, TextEmbedding

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
    assert asked == ["search.tasks.train_head", "search.tasks.learn_words"]
    tasks.train_head()
    assert Head.objects.get().space == space


def test_repeated_messages_change_nothing(space, shop, asked):
    tasks.index_pending()
    tasks.train_head()
    head = Head.objects.get()
    tasks.index_pending()
    tasks.train_head()
    assert Head.objects.get() == head
    assert asked == ["search.tasks.train_head", "search.tasks.learn_words"]


def test_the_same_bell_gives_texts_their_vectors_and_the_words_are_collected(space, product, asked):
    product("sofa", name="Corner sofa")
    tasks.index_pending()
    assert TextEmbedding.objects.count() == 1
    assert asked == ["search.tasks.learn_words"]
    tasks.learn_words()
    assert set(VocabularyWord.objects.values_list("word", flat=True)) == {"corner", "sofa"}


def test_photos_of_the_live_space_come_before_texts(space, shop, asked, monkeypatch):
    left: list[int] = []

    def take_texts() -> int:
        left.append(photo_states.pending(space).count())
        return 0

    monkeypatch.setattr(tasks, "_take_texts", take_texts)
    tasks.index_pending()
    assert left == [0]


def test_a_text_encoder_that_fails_keeps_no_photo_waiting(space, shop, asked, monkeypatch):
    def fail() -> None:
        raise WeightsError("gone")

    monkeypatch.setattr("search.text_encoders.text_encoder", fail)
    tasks.index_pending()
    assert photo_states.pending(space).count() == 0


def test_a_turn_that_is_over_rings_for_the_next_one(space, shop, monkeypatch):
    rings = []
    monkeypatch.setattr(tasks, "TURN", -1)
    monkeypatch.setattr(tasks.worker_bell, "ring", lambda: rings.append(1))
    monkeypatch.setattr(indexing, "index_batch", lambda space: 1)
    tasks.index_pending()
    assert rings == [1]


def test_beat_rings_tasks_that_exist():
    expected = [tasks.index_pending, tasks.import_pending, tasks.read_feeds, tasks.fetch_pending, tasks.maintain]
    known = {task.name for task in [*expected, tasks.roll_up, tag_pending, report_leftovers, write_usage]}
    assert {entry["task"] for entry in current_app.conf.beat_schedule.values()} == known


@pytest.mark.parametrize(
    ("queues", "more"),
    [
        ([], []),
        (["fetching"], ["search.tasks.read_feeds", "search.tasks.fetch_pending"]),
        (["maintenance"], ["search.tasks.maintain", "search.tasks.roll_up"]),
    ],
)
def test_a_worker_that_starts_takes_up_what_another_left(asked, monkeypatch, queues, more):
    monkeypatch.setattr(current_app.amqp.queues, "_consume_from", dict.fromkeys(queues))
    tasks.look_at_once()
    assert asked == ["search.tasks.index_pending", "search.tasks.import_pending", *more]


@pytest.mark.parametrize("task", [tasks.maintain, tasks.roll_up, tasks.drop_space])
def test_what_is_asked_for_seldom_is_tried_again_until_an_outage_is_over(monkeypatch, task):
    outage = [OperationalError("away")] * 5

    def ask(**restriction: object) -> QuerySet[Space]:
        if outage:
            raise outage.pop()
        return Space.objects.none()

    for module, name in ((tasks.maintenance, "maintain"), (tasks.days, "roll_up"), (Space.objects, "filter")):
        monkeypatch.setattr(module, name, ask)
    done = task.apply([1] if task is tasks.drop_space else [])
    assert (done.state, outage) == ("SUCCESS", [])


def test_feeds_that_are_due_are_read_and_photos_give_way_to_them(fed):
    fed().has(b"sku,name,category\nCH-1,Oak,Chair\n")
    tasks._a_feed_is_due.cache.clear()
    assert tasks._a_feed_is_due()
    tasks.read_feeds()
    tasks._a_feed_is_due.cache.clear()
    assert not tasks._a_feed_is_due()
