import os
import re
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from ml.encoder import Encoder
from ml.recipes import make_recipe
from search.models import Space
from tests import commands

pytestmark = pytest.mark.django_db
run = partial(commands.run, "train_autoencoder")
refused = partial(commands.refused, "train_autoencoder")


@pytest.fixture
def shop(photo):
    """66 photos of as many products."""
    return [photo((number, 3 * number, 250 - number)) for number in range(66)]


@pytest.fixture
def output(tmp_path) -> Path:
    return tmp_path / "models" / "own.safetensors"


def press_ctrl_c_after_the_first_epoch(checkpoint: Path) -> threading.Thread:
    def press():
        deadline = time.monotonic() + 60
        while not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    return thread


def test_training_leaves_weights_a_sheet_and_the_next_command(shop, output):
    printed = run("--output", str(output), "--epochs", "2")
    first, weights, pictures, _, command = printed.splitlines()
    assert re.fullmatch(
        r"Trained on 59 photos for 2 epochs, 7 held out\. Epoch [12] was best: loss \d\.\d{3}, held out \d\.\d{3}\.",
        first,
    )
    assert weights == f"Weights: {output}"
    assert pictures.endswith(f": {output.with_suffix('.png')}")
    assert command == f"  manage.py create_space NAME --backbone autoencoder --weights {output}"
    assert sorted(file.name for file in output.parent.iterdir()) == ["own.png", "own.safetensors"]


def test_the_printed_command_makes_a_space(shop, output):
    command = run("--output", str(output), "--epochs", "1").splitlines()[-1]
    commands.run(*command.replace("NAME", "own").split()[1:])
    space = Space.objects.get(name="own")
    assert (space.dimensions, space.recipe["layer"], space.recipe["input_size"]) == (256, "bottleneck", 128)


def test_the_weights_encode_photos(shop, output):
    run("--output", str(output), "--epochs", "1")
    vectors = Encoder(make_recipe(str(output), "autoencoder"), "cpu").encode([Image.new("RGB", (50, 70), "red")])
    assert vectors.shape == (1, 256)


def test_ctrl_c_keeps_what_was_learned_and_the_same_command_goes_on(shop, output, capsys):
    options = ("--output", str(output), "--epochs", "8", "--patience", "8")
    pressing = press_ctrl_c_after_the_first_epoch(output.with_suffix(".checkpoint"))
    with pytest.raises(SystemExit) as end:
        run(*options)
    pressing.join()
    assert end.value.code == 130
    assert not output.exists()
    assert re.match(
        r"Going on after epoch \d, from .*own\.checkpoint\.\nTrained on 59 photos for 8 epochs", run(*options)
    )
    assert not output.with_suffix(".checkpoint").exists()


def test_a_checkpoint_of_other_settings_is_left_alone_unless_told_to_start_over(shop, output):
    options = ("--output", str(output), "--epochs", "8", "--patience", "8")
    pressing = press_ctrl_c_after_the_first_epoch(output.with_suffix(".checkpoint"))
    with pytest.raises(SystemExit):
        run(*options)
    pressing.join()
    assert re.search(r"with other epochs\. Give the options of that run .*--fresh", refused(*options, "--epochs", "1"))
    assert "for 1 epochs" in run(*options, "--epochs", "1", "--fresh")


def test_a_photo_that_cannot_be_read_is_left_out(shop, output):
    Path(shop[0].file.path).write_bytes(b"damaged")
    Path(shop[1].file.path).unlink()
    printed = run("--output", str(output), "--epochs", "1")
    assert printed.startswith(
        "2 photos cannot be read and are left out.\nTrained on 58 photos for 1 epochs, 6 held out."
    )


def test_a_sample_of_the_photos_is_enough(shop, output):
    assert run("--output", str(output), "--epochs", "1", "--photos", "64").startswith("Trained on 58 photos")


def test_the_sheet_goes_where_it_is_wanted(shop, output, tmp_path):
    run("--output", str(output), "--epochs", "1", "--sheet", str(tmp_path / "sheet.png"))
    assert Image.open(tmp_path / "sheet.png").size == (7 * 130 + 2, 2 * 130 + 2)


def test_too_few_photos_are_refused_with_the_cure(photo, output):
    photo("red")
    assert refused("--output", str(output)) == (
        "an autoencoder needs at least 64 photos of at least 2 products to learn from, and there are 1 of 1. "
        "Import more with manage.py import_catalog."
    )


def test_the_weights_of_a_space_are_never_overwritten(space, output):
    Space.objects.filter(pk=space.pk).update(recipe={**space.recipe, "weights": str(output)})
    assert re.match(
        r"--output: the space grid reads its weights from .*own\.safetensors; give", refused("--output", str(output))
    )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--patience", "0"),
        ("--batch", "1"),
        ("--seed", "-1"),
        ("--seed", str(2**32)),
        ("--photos", "63"),
        ("--photos", "20001"),
        ("--output", "weights.pth"),
        ("--output", "/proc/none/weights.safetensors"),
        ("--sheet", "/proc/none/sheet.png"),
        ("--sheet", "sheet.jpg"),
    ],
)
def test_what_no_run_could_use_is_refused_by_name(shop, option, value, output):
    assert refused("--output", str(output), option, value).startswith(option)
