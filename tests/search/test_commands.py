import os
import re
import socket
from dataclasses import replace
from threading import Event

import pytest
import torch
from django.core.management import CommandError

from catalog import storage_deadline, text_language
from catalog.models import Photo, Product
from catalog.storage import READS
from ml.backbones import BACKBONES, Published
from ml.encoder import Encoder
from ml.gate_policy import Policy, Tuned, Worth
from ml.recipes import make_recipe
from search import head_training, spaces
from search.management.commands import index
from search.models import Head, Space
from tests.commands import refused, run
from tests.installation import wait_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(photo):
    for shade in range(6):
        photo((200 + 5 * shade, 10, 10), "lamp")
        photo((10, 10, 200 + 5 * shade), "bed")


def test_prepare_makes_the_live_space_and_its_leaves_once(category, settings):
    settings.LAMPLIGHT_WEIGHTS = "random"
    category("lamp")
    expected = "Live space: resnet50-random (2048 dimensions, weights random)\n"
    assert run("prepare") == expected
    assert run("prepare") == expected
    assert [(space.name, space.state) for space in Space.objects.all()] == [("resnet50-random", "live")]


def test_prepare_with_other_weights_leaves_the_live_space_and_says_so(space, settings, tmp_path):
    settings.LAMPLIGHT_WEIGHTS = str(tmp_path / "shop.pth")
    (tmp_path / "shop.pth").write_bytes(b"weights")
    assert "The live space stays grid. To change to resnet50-shop later, without stopping:" in run("prepare")
    assert Space.objects.get() == space
    settings.LAMPLIGHT_WEIGHTS = "random"
    assert "stays" not in run("prepare")


def test_prepare_without_the_weights_names_the_cure(settings, tmp_path):
    settings.LAMPLIGHT_WEIGHTS = str(tmp_path / "none.pth")
    with pytest.raises(CommandError, match=r"none\.pth") as refusal:
        run("prepare")
    assert refusal.value.returncode == 2


@pytest.fixture
def unreachable(monkeypatch, settings, tmp_path):
    """ResNet50's ImageNet weights lie at a port that nobody listens at."""
    settings.LAMPLIGHT_WEIGHTS = "imagenet"
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/resnet50-0676ba61.pth"
    resnet50 = replace(BACKBONES["resnet50"], imagenet=Published("0676ba61", url=url))
    monkeypatch.setitem(BACKBONES, "resnet50", resnet50)


WAY = (
    "To change to resnet50-imagenet later, without stopping: manage.py create_space resnet50-imagenet "
    "--backbone resnet50 --weights imagenet && manage.py activate_space resnet50-imagenet --wait\n"
)


def test_where_weights_cannot_be_fetched_the_first_space_has_those_that_are_installed(unreachable, db):
    fetching, told, live = run("prepare").splitlines(keepends=True)
    assert fetching == "Fetching the ImageNet weights of resnet50 ...\n"
    assert told.startswith("Could not fetch the ImageNet weights from http://127.0.0.1:")
    assert told.endswith(f"Lamplight sees with efficientnet_lite2-imagenet. {WAY}")
    assert live == "Live space: efficientnet_lite2-imagenet (1280 dimensions, weights imagenet)\n"
    assert run("prepare") == f"The live space stays efficientnet_lite2-imagenet. {WAY}{live}"  # It fetches nothing.


def test_a_converted_network_outlives_its_weights(unreachable, db, monkeypatch):
    live = spaces.ensure_live(make_recipe("imagenet"))
    monkeypatch.setattr(Encoder, "warm", lambda encoder: None)  # As where it lies in LAMPLIGHT_VAR/models.
    warning, told = run("prepare").splitlines()
    assert warning.startswith("No match can be explained, and things in rooms are looked for in crops: cannot")
    assert told == f"Live space: {live} (2048 dimensions, weights imagenet)"


def test_where_no_weights_are_to_be_had_no_space_is_made(unreachable, db, monkeypatch):
    lite = BACKBONES["efficientnet_lite2"]
    assert lite.imagenet is not None
    absent = replace(lite, imagenet=replace(lite.imagenet, package="no_such_package"))
    monkeypatch.setitem(BACKBONES, "efficientnet_lite2", absent)
    assert "LAMPLIGHT_WEIGHTS: could not fetch the ImageNet weights from" in refused("prepare")
    assert not Space.objects.exists()


def test_a_live_space_whose_weights_are_gone_is_refused(unreachable, db):
    spaces.ensure_live(make_recipe("imagenet"))
    assert refused("prepare").startswith("could not fetch the ImageNet weights from")


def test_index_settles_everything_and_trains_the_head(space, shop):
    printed = run("index", "--batch", "5")
    expected = (
        r"12 photos settled in grid, \d+\.\d a second\.\n"
        r"Category head trained, held-out accuracy 1\.000\.\n12 products' texts indexed\."
    )
    assert re.match(expected, printed)
    assert Head.objects.get().space == space
    assert run("index") == "0 photos settled in grid.\n"


def test_index_tells_a_log_how_far_it_is_and_how_long_it_takes(space, shop, monkeypatch):
    monkeypatch.setattr(index, "LOG_EVERY", -1)
    first, _, third, *_ = run("index", "--batch", "5").splitlines()
    assert re.fullmatch(r"5 of 12 photos settled, \d+\.\d a second, \d\d:\d\d left", first)
    assert re.fullmatch(r"12 of 12 photos settled, \d+\.\d a second, 00:00 left", third)


def test_index_says_how_many_photos_wait_for_a_storage_that_hangs(space, shop, media, monkeypatch):
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.3)
    answers = Event()
    monkeypatch.setattr(READS, "probe", lambda: answers.wait(30))
    pipe = media / Photo.objects.earliest("pk").file.name
    pipe.unlink()
    os.mkfifo(pipe)
    try:
        with pytest.raises(CommandError, match=r"^The photo storage does not answer: 1 photos wait for it\.$") as told:
            run("index")
        assert told.value.returncode == 1
    finally:
        answers.set()
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
        wait_for(lambda: not READS.hangs(), "the storage")


@pytest.mark.parametrize("arguments", [["--space", "none"], ["--batch", "0"]])
def test_index_refuses_nonsense(space, arguments):
    with pytest.raises(CommandError, match=arguments[0]) as refusal:
        run("index", *arguments)
    assert refusal.value.returncode == 2


def test_train_head_prints_what_the_head_is_worth(space, shop):
    run("index")
    worth, *rest = run("train_head").splitlines()
    assert worth.startswith("On held-out photos: likeliest category right 100.0%, among the two likeliest 100.0%,")
    assert rest == [
        "Learned from: lamp 6, bed 6.",
        "And from 12 views in made-up rooms. On held-out ones: likeliest category right 100.0%, calibration error "
        f"{Head.objects.get().metrics['views_calibration_error']:.3f}.",
        "Too few photos to tune the gate: it searches the likeliest categories that together hold 0.9 of the "
        "probability, 3 at most.",
        "Too few photos to tell what is unknown, so no photo is.",
    ]


def recall(gate: str) -> float:
    """On views, as training measured it: their light is drawn at random."""
    return float(Head.objects.get().metrics["gate"]["views"][gate]["recall"])


WORK = {"hard": 0.5, "soft": 0.5, "open": 1.0}


def test_train_head_prints_how_the_gate_was_tuned(space, photo):
    for n in range(30):
        photo((250, 4 * n, 10), "lamp", name=f"Lamp {n // 2}")
        photo((10, 4 * n, 250), "bed", name=f"Bed {n // 2}")
    run("index")
    assert run("train_head", "--space", "grid").splitlines()[3:] == [
        "The gate, tuned on 60 held-out photos (recall: kin among the first 10):",
        "  hard  recall 100.0%  compared  50.0%",
        "  soft  recall 100.0%  compared  50.0%",
        "  open  recall 100.0%  compared 100.0%",
        "And on 60 held-out views in rooms (recall: own product among the first 10):",
        *(f"  {gate}  recall {recall(gate):6.1%}  compared {work:6.1%}" for gate, work in WORK.items()),
        "It searches the likeliest category.",
    ]


def test_train_head_names_what_hides_behind_a_category(space, photo, monkeypatch):
    for n in range(30):
        photo((250, 4 * n, 10), "lamp")
        photo((10, 4 * n, 250), "bed")
    worth = Worth(0.9, 0.7)
    gate = Tuned(Policy(1.1, 2, {0: (1,)}), 60, "categories", worth, worth, worth)
    monkeypatch.setattr(head_training, "tune_gate", lambda *arguments: gate)
    run("index")
    printed = run("train_head").splitlines()
    assert printed[3] == "The gate, tuned on 60 held-out photos (recall: true category searched):"
    assert printed[-2:] == ["It searches the 2 likeliest categories.", "If lamp is likeliest, it also searches: bed."]


def test_train_head_refuses_a_space_that_is_not_there(space):
    with pytest.raises(CommandError, match=r"--space: there is no space 'none'\. Spaces: grid\.") as refusal:
        run("train_head", "--space", "none")
    assert refusal.value.returncode == 2


@pytest.mark.parametrize("seed", ["-1", "4294967296"])
def test_train_head_refuses_a_seed_that_is_none(space, seed):
    assert refused("train_head", "--seed", seed) == "--seed: give a whole number from 0 to 4294967295."


def test_train_head_with_too_few_photos_says_so(space, photo):
    photo("red")
    run("index")
    with pytest.raises(CommandError, match="two categories") as refusal:
        run("train_head")
    assert refusal.value.returncode == 2


@pytest.mark.django_db(transaction=True)
def test_maintain_has_nothing_to_do_in_a_small_shop(space, shop):
    assert run("maintain") == "Nothing to do.\n"


def test_prepare_stems_the_products_words_in_the_shops_language(product, settings):
    product(sku="S-1", name="Blaue Stühle")
    settings.TEXT_LANGUAGE = "german"
    run("prepare")
    assert text_language.current() == "german"
    assert Product.objects.search("blauer stuhl").exists()
    run("prepare")
    assert text_language.current() == "german"


def test_prepare_refuses_a_language_that_postgresql_does_not_know(settings):
    settings.TEXT_LANGUAGE = "klingon"
    assert "TEXT_LANGUAGE: PostgreSQL has no dictionaries for 'klingon': choose from" in refused("prepare")


def test_prepare_refuses_a_text_encoder_that_is_not_there(settings, tmp_path):
    settings.TEXT_ENCODER = str(tmp_path)
    assert refused("prepare").startswith(f"TEXT_ENCODER: {tmp_path} has no config.json")


def test_index_gives_texts_their_vectors_as_well(space, product):
    product()
    assert "1 products' texts indexed." in run("index")
    assert "texts" not in run("index")
