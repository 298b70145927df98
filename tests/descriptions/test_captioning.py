"""Photos, the model's server and the database together."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection

from catalog.models import Product
from catalog.photos import add_photo
from descriptions import captioning, server_rest
from descriptions.captioning import FAILURES_IN_A_ROW, Outcome, Turn, shops_model
from descriptions.models import Caption
from descriptions.vision_model import PROMPT, Useless, WrongSetUp
from search import worker_bell
from tests.conftest import picture
from tests.descriptions.chat_server import Handler, caption, hangs, refuses
from tests.descriptions.test_caption_leases import later

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch) -> None:
    monkeypatch.setattr(worker_bell, "ring", lambda task=worker_bell.INDEX: None)


@pytest.fixture
def lamps(photo) -> Callable[[int], list[str]]:
    """So many products with a photo each; their skus."""
    return lambda count: [photo((9 * n, 99, 9), "lamp", sku=f"LAMP-{n}").product.sku for n in range(count)]


def captions() -> dict[str, str]:
    return dict(Product.objects.exclude(caption="").values_list("sku", "caption"))


def reasons(outcomes: list[Outcome]) -> list[str]:
    return [str(outcome.failure or "") for outcome in outcomes]


def test_each_product_is_asked_about_once(chat, model, lamps):
    skus = lamps(5)
    assert sorted(outcome.sku for outcome in Turn(model)) == skus
    assert captions() == dict.fromkeys(skus, "A red lamp of painted steel.")
    assert list(Turn(model)) == []
    assert len(chat.questions) == 5


def test_the_photo_sent_is_the_first_and_has_768_pixels_at_most(chat, model, product):
    made = product()
    add_photo(made, picture("blue", (1600, 1200)))
    add_photo(made, picture("red"))
    list(Turn(model))
    [asked] = chat.questions
    assert asked.photo.size == (768, 576)
    assert asked.photo.getpixel((30, 30)) == pytest.approx((0, 0, 254), abs=3)


@pytest.mark.parametrize("requests", [1, 3])
def test_as_many_are_asked_at_once_as_the_shop_allows(chat, model, lamps, settings, requests):
    settings.CAPTION_REQUESTS = requests
    chat.answer_with(hangs(0.1))
    lamps(7)
    assert len(list(Turn(model))) == 7
    assert chat.most_at_once == requests


def test_a_turn_takes_no_more_than_asked(chat, model, lamps):
    lamps(5)
    assert len(list(Turn(model, most=3))) == 3
    assert len(chat.questions) == 3


def test_a_turn_ends_with_its_time_and_says_so(chat, model, lamps):
    lamps(5)
    turn = Turn(model, seconds=0.15)
    chat.answer_with(hangs(0.1))
    outcomes = list(turn)
    assert (2 <= len(outcomes) <= 4, turn.is_cut) == (True, True)
    rest = Turn(model)
    assert (len(outcomes) + len(list(rest)), rest.is_cut) == (5, False)


def test_one_photo_s_failure_keeps_no_other_waiting(chat, model, lamps, settings):
    settings.CAPTION_REQUESTS = 1
    lamps(3)
    chat.answer_with(refuses(400, "No image."), caption("A lamp."))
    outcomes = list(Turn(model))
    assert reasons(outcomes) == ["The server answered with 400: No image.", "", ""]
    assert captions() == {"LAMP-1": "A lamp.", "LAMP-2": "A lamp."}
    later(hours=1)
    assert [(outcome.sku, outcome.failure) for outcome in Turn(model)] == [("LAMP-0", None)]
    assert Caption.objects.filter(attempts=0, reason="").count() == 3


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refuses(429, "Slow down.", Retry_After="1800"), "The server answered with 429: Slow down."),
        (
            refuses(401),
            "The server answered with 401. Look at CAPTION_URL, CAPTION_MODEL and CAPTION_KEY.",
        ),
    ],
)
def test_a_server_that_wants_no_request_is_asked_no_more(chat, model, lamps, settings, answer, reason):
    settings.CAPTION_REQUESTS = 1
    lamps(4)
    chat.answer_with(answer)
    turn = Turn(model)
    assert reasons(list(turn)) == [reason]
    rest = server_rest.current()
    assert rest is not None
    assert (str(turn.stopped_by), rest.reason, len(chat.questions), turn.is_cut) == (reason, reason, 1, False)


def test_many_failures_in_a_row_stop_a_turn_for_the_photos_are_hardly_to_blame(chat, model, lamps, settings):
    settings.CAPTION_REQUESTS = 1
    lamps(FAILURES_IN_A_ROW + 3)
    chat.answer_with(refuses(400, "This model sees no images."))
    turn = Turn(model)
    assert len(list(turn)) == FAILURES_IN_A_ROW
    assert isinstance(turn.stopped_by, Useless)
    assert len(chat.questions) == FAILURES_IN_A_ROW


def test_a_caption_in_between_begins_the_row_anew(chat, model, lamps, settings):
    settings.CAPTION_REQUESTS = 1
    lamps(8)
    no = refuses(400)
    chat.answer_with(no, no, no, caption(), no, no, no, caption())
    turn = Turn(model)
    assert (len(list(turn)), turn.stopped_by) == (8, None)


def test_an_answer_ends_the_rest(model, lamps):
    lamps(1)
    server_rest.begin("Busy.")
    list(Turn(model))
    assert server_rest.current() is None


def test_an_answer_that_was_under_way_does_not_end_the_rest(chat, model, lamps):
    lamps(4)
    chat.answer_with(refuses(429, Retry_After="1800"), hangs(0.2))
    turn = Turn(model)
    assert len(list(turn)) == 2
    assert (len(captions()), len(chat.questions)) == (1, 2)
    assert server_rest.current() is not None


def test_a_photo_that_is_missing_is_the_photo_s_own_failure_and_nobody_is_asked(chat, model, lamps, media):
    lamps(1)
    for path in media.rglob("*.jpg"):
        path.unlink()
    [outcome] = Turn(model)
    assert str(outcome.failure) == "The file is missing from the photo storage. Upload the photo again."
    assert (chat.questions, Caption.objects.get().requests) == ([], 0)


def test_who_stops_a_turn_waits_for_what_is_under_way_and_keeps_it(chat, model, lamps):
    lamps(6)
    chat.answer_with(caption(), hangs(0.2))
    turn = iter(Turn(model))
    next(turn)
    turn.close()
    assert len(chat.questions) in (2, 3)
    assert len(captions()) == len(chat.questions)
    list(Turn(model))
    assert (len(captions()), len(chat.questions)) == (6, 6)


def test_a_killed_worker_s_photos_are_pending_when_its_leases_are_over(chat, model, lamps):
    lamps(3)
    assert len(captioning.take(model.fingerprint, 2)) == 2  # and then nothing is heard of it
    assert [outcome.sku for outcome in Turn(model)] == ["LAMP-2"]
    later(hours=1)
    assert sorted(outcome.sku for outcome in Turn(model)) == ["LAMP-0", "LAMP-1"]
    assert len(chat.questions) == 3


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_ask_about_no_photo_twice(chat, model, lamps):
    skus = lamps(12)
    chat.answer_with(hangs(0.05))
    found: list[str] = []

    def work() -> None:
        try:
            found.extend(outcome.sku for outcome in Turn(model))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found) == sorted(skus)
    assert len(chat.questions) == 12
    assert len(captions()) == 12


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_while_the_model_is_asked(chat, model, lamps, other):
    lamps(1)
    locked: list[bool] = []

    def look(handler: Handler) -> None:
        for table in ("catalog_product", "descriptions_caption"):
            row = other.execute(f"SELECT 1 FROM {table} FOR UPDATE SKIP LOCKED").fetchone()
            locked.append(row is None)
        caption()(handler)

    chat.answer_with(look)
    list(Turn(model))
    assert locked == [False, False]


def test_a_new_prompt_has_all_captions_made_anew(chat, model, lamps):
    lamps(2)
    list(Turn(model))
    chat.answer_with(caption("Eine rote Lampe."))
    german = replace(model, language="German")
    assert len(list(Turn(german))) == 2
    assert set(captions().values()) == {"Eine rote Lampe."}
    assert Caption.objects.filter(requests=2, prompt_tokens=1800, completion_tokens=80).count() == 2


def test_the_shop_s_model_is_that_of_the_settings(settings):
    assert shops_model() is None
    settings.CAPTION_URL, settings.CAPTION_MODEL = "http://127.0.0.1:9/v1", "small-vision"
    model = shops_model()
    assert model is not None
    assert (model.url, model.name, model.key, model.prompt) == ("http://127.0.0.1:9/v1", "small-vision", "", PROMPT)
    assert (model.language, model.longest) == ("English", 1_000)
    settings.CAPTION_PROMPT = "What is it?"
    changed = shops_model()
    assert changed is not None
    assert changed.prompt == "What is it?"


def test_a_wrong_key_blames_no_photo(chat, model, lamps):
    lamps(2)
    chat.answer_with(refuses(401))
    turn = Turn(model)
    list(turn)
    assert isinstance(turn.stopped_by, WrongSetUp)
    assert Caption.objects.filter(attempts=0, waits=0, reason="", retry_at=None).count() == 2
    chat.answer_with(caption())
    begun = time.monotonic()
    assert reasons(list(Turn(model))) == ["", ""]
    assert time.monotonic() < begun + 2
