"""The detector of a space: when it is trained, and what becomes of it."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog.models import Photo
from ml.detector import VERSION
from ml.images import as_jpeg
from ml.recipes import WeightsError
from search import detector_training, encoders, head_training, spaces, tasks
from search.models import Detector, Space
from tests.commands import refused, run
from tests.grid_space import GridEncoder

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(space, photo, index, monkeypatch):
    """Reddish lamps and bluish beds before white, with a head; training is as short as can be."""
    for name, value in {
        "ROUNDS": 1,
        "SCENES": 8,
        "EPOCHS": 1,
        "MEASURED": 4,
        "LEAST_PHOTOS": 10,
        "LEAST_CUT_OUTS": 4,
        "LEAST_RECALL": 0.0,
    }.items():
        monkeypatch.setattr(detector_training, name, value)
    for n in range(8):
        cut_out((200, 20 * n, 10), photo((200, 20 * n, 10), "lamp"))
        cut_out((10, 20 * n, 200), photo((10, 20 * n, 200), "bed"))
    index()
    head_training.train(space)


def cut_out(colour: tuple[int, int, int], photo: Photo) -> None:
    """Replace the photo's file by one of a thing before a white backdrop."""
    image = Image.new("RGB", (120, 90), "white")
    image.paste(colour, (30, 20, 90, 70))
    Path(photo.file.path).write_bytes(as_jpeg(image))


def test_a_detector_is_trained_after_the_head_and_used_at_once(shop, space):
    assert encoders.detector(space) is None
    assert detector_training.is_due(space)
    detector_training.train_if_due(space)
    made = encoders.detector(space)
    assert made is not None
    assert list(made.classes) == Detector.objects.get().categories == space.heads.get().categories
    assert made.found.scenes == 4
    assert not detector_training.is_due(space)
    assert detector_training.train_if_due(space) is None


def test_a_detector_of_another_version_is_not_read_and_trained_anew(shop, space, caplog):
    row = detector_training.train(space)
    assert row is not None
    row.found["version"] = 1
    row.data = b"not what this version reads"
    row.save()
    assert detector_training.is_due(space)


def test_a_detector_that_another_process_stored_in_its_version_counts_as_none(shop, space, monkeypatch, caplog):
    detector_training.train(space)
    monkeypatch.setattr("ml.detector.VERSION", VERSION + 1)
    assert encoders.detector(space) is None
    assert f"it is of version {VERSION}, this is {VERSION + 1}" in caplog.text


def test_a_detector_is_due_again_once_the_catalogue_has_changed(shop, space, photo, index):
    detector_training.train(space)
    for n in range(4):
        photo((100, 20 * n, 10), "lamp")
    index()
    assert not detector_training.is_due(space)  # The head comes first.
    head_training.train(space)
    assert detector_training.is_due(space)


def test_a_catalogue_that_cannot_be_cut_out_is_not_tried_again_until_it_changes(shop, space, caplog):
    noise = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    for photo in Photo.objects.all():
        Path(photo.file.path).write_bytes(as_jpeg(Image.fromarray(noise)))
    assert detector_training.train_if_due(space) is None
    assert "no detector was trained: only 0 photos of 150 drawn have a plain backdrop" in caplog.text
    assert not detector_training.is_due(space)
    assert encoders.detector(space) is None


def test_a_detector_that_finds_nothing_does_not_replace_a_good_one(shop, space, monkeypatch, caplog):
    detector_training.train(space)
    former = bytes(Detector.objects.get().data)
    head_training.train(space)
    monkeypatch.setattr(detector_training, "LEAST_RECALL", 1.1)
    assert detector_training.train_if_due(space) is None
    assert "no detector was trained: it found" in caplog.text
    assert bytes(Detector.objects.get().data) == former
    assert not detector_training.is_due(space)


def test_photos_that_cannot_be_read_are_tried_again(shop, space, caplog):
    for photo in Photo.objects.all():
        Path(photo.file.path).unlink()
    assert detector_training.train_if_due(space) is None
    assert "no detector was trained: The file is missing" in caplog.text
    assert detector_training.is_due(space)


def test_a_network_that_cannot_be_loaded_is_not_tried_again_and_again(shop, space, monkeypatch, caplog):
    def gone(encoder, pixels):
        raise WeightsError("there is no weights file")

    monkeypatch.setattr(GridEncoder, "detailed_places", gone)
    assert detector_training.train_if_due(space) is None
    assert "no detector was trained: there is no weights file" in caplog.text
    assert not detector_training.is_due(space)


def test_a_space_whose_map_cannot_be_read_has_none(shop, space):
    space.recipe = {**space.recipe, "pooling": "gem"}
    assert not detector_training.is_due(space)


def test_a_space_without_a_head_has_none_yet(space):
    assert not detector_training.is_due(space)


def test_the_worker_trains_the_live_spaces_detector(shop, space):
    tasks.train_detector()
    assert Detector.objects.filter(space=space).exists()
    tasks.train_detector()


def test_without_a_live_space_the_worker_has_nothing_to_train():
    assert not Space.objects.exists()
    tasks.train_detector()


def test_the_detector_goes_with_its_space(shop, space):
    detector_training.train(space)
    Space.objects.filter(pk=space.pk).update(state=Space.State.RETIRED)
    space.refresh_from_db()
    spaces.drop(space)
    assert not Detector.objects.exists()


def test_the_command_trains_and_tells_what_it_is_worth(shop):
    assert re.fullmatch(r"In 4 scenes with \d+ things: recall [\d.]+ and precision [\d.]+\.\n", run("train_detector"))


def test_the_command_says_what_is_missing(shop, space):
    assert "nowhere" in refused("train_detector", "--space", "nowhere")
    Space.objects.update(recipe={**space.recipe, "pooling": "gem"})
    assert refused("train_detector") == "grid's network has no map to read: things are found in crops."
    Space.objects.update(recipe=space.recipe)
    space.heads.all().delete()
    assert refused("train_detector") == "grid has no head yet: run manage.py train_head."
