"""manage.py caption_photos"""

import pytest
from django.core.management import CommandError

from catalog.models import Product
from descriptions.models import MOST_ATTEMPTS, Caption
from search import worker_bell
from tests.commands import refused, run
from tests.descriptions.chat_server import caption, refuses
from tests.descriptions.test_caption_leases import later

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet(monkeypatch, settings) -> None:
    monkeypatch.setattr(worker_bell, "ring", lambda task=worker_bell.INDEX: None)
    settings.CAPTION_REQUESTS = 1


@pytest.fixture
def lamps(photo) -> None:
    for number in range(3):
        photo((9 * number, 99, 9), "lamp", sku=f"LAMP-{number}")


def test_without_a_model_the_command_says_what_to_set(lamps):
    assert refused("caption_photos") == (
        "There is no model to ask: set CAPTION_URL and CAPTION_MODEL (docs/configuration.md)."
    )


def test_all_that_is_pending_gets_a_caption_once(chat, model, lamps):
    assert run("caption_photos") == (
        "3 captions made with small-vision. 0 pending, 0 being made or tried again later, 0 given up. "
        "So far: 3 requests, 0 of them failed, 2,700 tokens read, 120 written.\n"
    )
    assert Product.objects.exclude(caption="").count() == 3
    assert run("caption_photos").startswith("0 captions made with small-vision.")
    assert len(chat.questions) == 3


def test_a_dry_run_counts_and_asks_nobody(chat, model, lamps):
    told = run("caption_photos", "--dry-run")
    assert told.startswith("3 products wait for a caption of small-vision (prompt and language: ")
    assert told.endswith("). Nobody was asked.\n")
    assert (chat.questions, Caption.objects.count()) == ([], 0)


def test_a_limit_holds(chat, model, lamps):
    assert run("caption_photos", "--limit", "2").startswith("2 captions made with small-vision. 1 pending,")
    assert len(chat.questions) == 2


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_limit_is_a_number_of_products(model, limit):
    assert refused("caption_photos", "--limit", limit) == "--limit: give a number of products, 1 or more."


def test_what_was_given_up_is_tried_again_when_asked(chat, model, lamps):
    run("caption_photos", "--limit", "1")
    Caption.objects.update(made_at=None, attempts=MOST_ATTEMPTS, reason="No word.")
    assert run("caption_photos").startswith(
        "2 captions made with small-vision. 0 pending, 0 being made or tried again later, 1 given"
    )
    assert ", and 1 that were given up. Nobody" in run("caption_photos", "--dry-run", "--retry")
    assert run("caption_photos", "--retry").startswith("1 captions made with small-vision. 0 pending,")
    assert Caption.objects.made().count() == 3


def test_a_photo_without_a_caption_is_named_with_the_reason(chat, model, lamps):
    chat.answer_with(refuses(400, "No image."), caption())
    assert run("caption_photos").splitlines() == [
        "LAMP-0: The server answered with 400: No image.",
        "2 captions made with small-vision. 0 pending, 1 being made or tried again later, 0 given up. "
        "So far: 3 requests, 1 of them failed, 1,800 tokens read, 80 written.",
    ]
    Caption.objects.filter(made_at=None).update(attempts=MOST_ATTEMPTS - 1)
    chat.answer_with(refuses(400))
    later(hours=1)
    assert run("caption_photos").startswith("LAMP-0: The server answered with 400: no. Given up.\n0 captions made")


def test_a_server_that_stops_the_command_is_told_with_the_cure(chat, model, lamps):
    chat.answer_with(caption(), refuses(401))
    assert refused("caption_photos") == (
        "Stopped: The server answered with 401. Look at CAPTION_URL, CAPTION_MODEL and CAPTION_KEY. "
        "The same command goes on from here."
    )
    assert Caption.objects.made().count() == 1


def test_ctrl_c_keeps_what_was_asked(chat, model, lamps, settings):
    settings.CAPTION_REQUESTS = 2

    with pytest.MonkeyPatch.context() as patch:

        def stop(bar: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("descriptions.management.commands.caption_photos.tqdm.update", stop)
        with pytest.raises(KeyboardInterrupt):
            run("caption_photos")
    assert Caption.objects.made().count() == len(chat.questions)
    assert Caption.objects.filter(retry_at__isnull=False).count() == 0
    run("caption_photos")
    assert (Caption.objects.made().count(), len(chat.questions)) == (3, 3)


def test_the_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        run("caption_photos", "--help")
    assert "manage.py caption_photos --limit 20" in capsys.readouterr().out


def test_a_wrong_argument_is_refused():
    with pytest.raises(CommandError):
        run("caption_photos", "--all")
