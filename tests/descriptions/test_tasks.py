"""What the captions worker does when its bell is rung."""

import pytest

from catalog.models import Product
from descriptions import server_rest, tasks
from descriptions.caption_leases import BELL
from descriptions.models import Caption
from tests.descriptions.chat_server import caption, hangs, refuses

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]


@pytest.fixture
def lamps(photo) -> None:
    for number in range(3):
        photo((9 * number, 99, 9), "lamp", sku=f"LAMP-{number}")


def test_the_bell_names_the_task():
    assert tasks.caption_pending.name == BELL


def test_one_bell_has_all_captions_made(chat, model, lamps, rings, caplog):
    tasks.caption_pending()
    assert Product.objects.exclude(caption="").count() == 3
    assert rings == []
    assert "3 captions made, " in caplog.text
    tasks.caption_pending()
    assert len(chat.questions) == 3


def test_without_a_model_the_bell_does_nothing(lamps):
    tasks.caption_pending()
    assert Caption.objects.count() == 0


def test_a_turn_that_is_over_rings_for_the_next_one(chat, model, lamps, rings, settings, monkeypatch):
    settings.CAPTION_REQUESTS = 1
    monkeypatch.setattr(tasks, "CAPTIONING_TURN", 0.05)
    chat.answer_with(hangs(0.1))
    tasks.caption_pending()
    assert (len(chat.questions), rings) == (1, [BELL])


def test_while_the_server_is_left_alone_nobody_asks_it(chat, model, lamps):
    server_rest.begin("Busy.")
    tasks.caption_pending()
    assert chat.questions == []


def test_no_failure_leaves_the_task_and_each_is_told_without_the_key(chat, model, lamps, rings, settings, caplog):
    settings.CAPTION_REQUESTS = 1
    chat.answer_with(refuses(400, "secret-key-7 is no image"), caption(), refuses(429, Retry_After="60"))
    tasks.caption_pending()
    assert "LAMP-0: no caption: The server answered with 400: the key is no image." in caplog.text
    assert "Captions rest: The server answered with 429: no." in caplog.text
    assert "secret-key-7" not in caplog.text
    assert rings == []
    tasks.caption_pending()
    assert len(chat.questions) == 3


def test_a_product_that_lost_its_photos_loses_its_caption(chat, model, photo):
    made = photo("red").product
    tasks.caption_pending()
    made.photos.all().delete()
    tasks.caption_pending()
    made.refresh_from_db()
    assert made.caption == ""
