"""The converted network: made once, kept whole, and read by processes that know nothing of torch."""

import os
import shutil
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ml import openvino_networks, openvino_runtime
from ml.backbones import BACKBONES, Backbone
from ml.encoder import Encoder
from ml.network import build
from ml.openvino_networks import MODEL, SEAL, WEIGHTS, seal
from ml.openvino_runtime import OpenvinoNetwork
from ml.recipes import Recipe, WeightsError, make_recipe
from tests.external_data import CALTECH, IKEA, trained
from tests.ml.photos import DEMO_PHOTOS, LITE, gradient

ROOT = Path(__file__).resolve().parents[2]
SMALL = Recipe(backbone="resnet18", weights="random", input_size=64)
PHOTO = np.asarray(Image.radial_gradient("L").convert("RGB").resize((64, 64)))[None]

ENCODE = """
import sys
from pathlib import Path
from PIL import Image
from ml.encoder import Encoder
from ml.recipes import Recipe
recipe = Recipe(backbone="resnet18", weights="random", input_size=64)
Encoder(recipe, "cpu", runtime="openvino", cache=Path(sys.argv[1])).encode([Image.new("RGB", (64, 64), "red")])
print("converted" if "ml.network" in sys.modules else "read", *sorted({"torch", "scipy"} & sys.modules.keys()))
"""

# Ends the process at the first attempt to resolve a name or to connect.
NO_NETWORK = """
import sys
def forbid(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__":
        import os
        os.write(2, f"{event} {arguments}".encode())
        os._exit(7)
sys.addaudithook(forbid)
"""


@pytest.fixture
def conversions(monkeypatch) -> list[Recipe]:
    """The recipes that were converted."""
    seen: list[Recipe] = []

    def convert(recipe: Recipe, folder: Path, dense: bool) -> None:
        seen.append(recipe)
        convert_really(recipe, folder, dense)

    convert_really = openvino_runtime._convert
    monkeypatch.setattr(openvino_runtime, "_convert", convert)
    return seen


def features(recipe: Recipe, cache: Path | None) -> np.ndarray:
    return OpenvinoNetwork(recipe, cache).start(PHOTO)()


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A cache that holds SMALL; a test that damages it takes a copy."""
    cache: Path = tmp_path_factory.mktemp("kept")
    features(SMALL, cache)
    return cache


def only_folder(cache: Path) -> Path:
    [folder] = [path for path in cache.iterdir() if path.is_dir()]
    return folder


def start(script: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_kept_network_gives_the_same_features_and_is_converted_once(conversions, tmp_path):
    first, second, unkept = (features(SMALL, cache) for cache in (tmp_path / "a" / "b", tmp_path / "a" / "b", None))
    assert np.array_equal(first, second)
    assert np.array_equal(first, unkept)
    assert len(conversions) == 2
    assert {path.name for path in only_folder(tmp_path / "a" / "b").iterdir()} == {MODEL, WEIGHTS, SEAL}


def test_several_photos_are_answered_in_their_order():
    network = OpenvinoNetwork(SMALL, None)
    photos = np.concatenate([PHOTO, PHOTO // 2, PHOTO // 4])
    together = network.start(photos)()
    assert np.array_equal(together, np.concatenate([network.start(photo[None])() for photo in photos]))
    assert together.shape == (3, 512)


def test_the_features_are_those_of_the_torch_module():
    with torch.inference_mode():
        expected = build(SMALL)(torch.from_numpy(PHOTO.copy())).numpy()
    found = features(SMALL, None)
    assert (found.dtype, found.shape) == (np.dtype(np.float32), (1, 512))
    assert (found * expected).sum() / np.linalg.norm(found) / np.linalg.norm(expected) >= 0.999


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:1000]),
        lambda folder: (folder / WEIGHTS).write_bytes(b"\x01" + (folder / WEIGHTS).read_bytes()[1:]),
        lambda folder: (folder / MODEL).write_bytes(b""),
        lambda folder: (folder / MODEL).unlink(),
        lambda folder: (folder / SEAL).write_text("no digest"),
        lambda folder: (folder / SEAL).write_bytes(b"\xff\xfe"),
        lambda folder: (folder / MODEL).write_text("no network") and (folder / SEAL).write_bytes(seal(folder)),
    ],
    ids=["cut short", "a wrong byte", "empty", "missing", "bad seal", "no text", "sealed and unreadable"],
)
def test_a_damaged_network_is_made_again(kept, conversions, tmp_path, damage):
    whole = features(SMALL, kept)
    shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
    damage(only_folder(tmp_path))
    assert np.array_equal(features(SMALL, tmp_path), whole)
    assert np.array_equal(features(SMALL, tmp_path), whole)
    assert len(conversions) == 1


def test_a_cache_that_cannot_be_written_costs_a_conversion_and_a_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    assert features(SMALL, tmp_path / "file" / "models").shape == (1, 512)
    assert "is not kept in" in caplog.text


def test_a_network_that_openvino_cannot_run_is_refused_with_the_cure(conversions, tmp_path, monkeypatch, caplog):
    class Strange(nn.Module):
        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvals(photos).abs()

    def strange() -> nn.Module:
        return nn.Sequential(OrderedDict(strange=Strange(), fc=nn.Linear(1, 1)))

    monkeypatch.setitem(BACKBONES, "strange", Backbone(strange, layer="strange", head="fc", input_size=32))
    cure = r"OpenVINO cannot run this network \(.+\): set LAMPLIGHT_RUNTIME=torch"
    with pytest.raises(WeightsError, match=cure):
        OpenvinoNetwork(Recipe("strange", "random", layer="strange", input_size=32), tmp_path)
    assert len(conversions) == 1
    with pytest.raises(WeightsError, match=cure):
        OpenvinoNetwork(SMALL, tmp_path, precision="f8")
    assert caplog.text == ""


def test_what_a_killed_conversion_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".partial-killed" / "made").mkdir(parents=True)
    OpenvinoNetwork(SMALL, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", openvino_runtime._folder(SMALL)]


def test_random_weights_are_those_of_one_torch(monkeypatch):
    folder, given = openvino_runtime._folder(SMALL), openvino_runtime._folder(replace(SMALL, weights="/w.pth"))
    monkeypatch.setattr(openvino_runtime, "version", lambda package: f"another {package}")
    assert openvino_runtime._folder(SMALL) != folder
    assert openvino_runtime._folder(replace(SMALL, weights="/w.pth")) == given


def test_networks_are_kept_by_what_determines_them(tmp_path):
    state = BACKBONES["resnet18"].build().state_dict()
    for name in ("a.pth", "b.pth"):
        torch.save(state, tmp_path / name)
    state["conv1.weight"] += 1
    torch.save(state, tmp_path / "c.pth")
    a, b, c = (make_recipe(str(tmp_path / name), "resnet18", input_size=64) for name in ("a.pth", "b.pth", "c.pth"))
    features(a, tmp_path / "models")
    (tmp_path / "b.pth").unlink()
    with pytest.raises(WeightsError, match="cannot read the weights"):
        features(b, None)
    fields: list[dict[str, Any]] = [{"layer": "layer3"}, {"pooling": "max"}, {"input_size": 96}, {"mean": (0, 0, 0)}]
    others = [c, *(replace(a, **field) for field in fields)]
    digests = [openvino_runtime._digest(recipe) for recipe in (a, *others)]
    assert len(set(digests)) == len(digests)
    # Another name for equal bytes, or a difference before or after the network, makes no other network.
    same = [replace(b, weights_sha256=a.weights_sha256), replace(a, fit="crop"), replace(a, normalize=False)]
    assert {openvino_runtime._digest(recipe.network) for recipe in same} == {digests[0]}
    long = replace(a, weights=f"/{'w' * 250}.pth")
    assert openvino_runtime._folder(long) == openvino_runtime._folder(a) == f"resnet18-{digests[0]}"


def test_weights_that_changed_are_refused_and_leave_nothing_behind(tmp_path):
    path = tmp_path / "w.pth"
    torch.save(BACKBONES["resnet18"].build().state_dict(), path)
    recipe = make_recipe(str(path), "resnet18")
    path.write_bytes(b"other weights")
    with pytest.raises(WeightsError, match="has changed"):
        features(recipe, tmp_path / "models")
    assert [entry.name for entry in (tmp_path / "models").iterdir()] == [".lock"]


def test_the_networks_used_last_are_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(openvino_networks, "KEPT", 2)
    recipes = [replace(SMALL, input_size=size) for size in (32, 40, 48)]
    for number, recipe in enumerate((recipes[0], recipes[1], recipes[0], recipes[2])):
        OpenvinoNetwork(recipe, tmp_path)
        folder = tmp_path / openvino_runtime._folder(recipe)
        os.utime(folder, (number, number))
    kept = {path.name for path in tmp_path.iterdir() if path.is_dir()}
    assert kept == {openvino_runtime._folder(recipe) for recipe in (recipes[0], recipes[2])}


@pytest.mark.slow
def test_processes_that_start_together_convert_once_and_later_ones_never_import_torch(tmp_path):
    together = [start(ENCODE, tmp_path) for _ in range(2)]
    said = sorted(process.communicate(timeout=120)[0].split()[0] for process in together)
    assert said == ["converted", "read"]
    later = start(ENCODE, tmp_path)
    assert later.communicate(timeout=120)[0] == "read\n"


@pytest.mark.slow
def test_nothing_is_ever_reported_to_anybody(tmp_path):
    process = start(NO_NETWORK + ENCODE, tmp_path / "models", HOME=str(tmp_path / "home"))
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out.split()[0]) == (0, "converted"), err
    assert not (tmp_path / "home" / "intel").exists()  # where consent and the user's id would lie


def test_networks_that_earlier_versions_kept_are_found(monkeypatch):
    """Their names were made before a recipe could be learned. A shop without a network has no other."""
    monkeypatch.setattr(openvino_runtime.openvino, "__version__", "2026.4.1-22982-e213a147257-releases/2026/4")
    assert openvino_runtime._folder(make_recipe("imagenet")) == "resnet50-07f67e5a19134c73"


def both(recipe: Recipe, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of photos by torch in float32 and by OpenVINO, both (n, dimensions)."""
    runs = (Encoder(recipe, "cpu", runtime=runtime) for runtime in ("torch", "openvino"))
    reference, served = (run.encode(run.open(file.read_bytes()) for file in files) for run in runs)
    return reference, served


@pytest.mark.slow
@trained
def test_openvino_sees_real_photos_as_torch_does():
    reference, served = both(make_recipe(str(CALTECH)), sorted((IKEA / "images").rglob("*.jpg"))[::10])
    cosines = (reference * served).sum(axis=1)
    assert len(cosines) >= 39
    assert cosines.min() >= 0.999  # measured on 199 photos: 0.99993


@pytest.mark.slow
def test_openvino_sees_the_sample_catalogue_nearly_as_torch_does():
    """The bar is lower than for ResNet50: ReLU6 and narrow layers carry the rounding to 8 bits farther."""
    reference, served = both(LITE, sorted(DEMO_PHOTOS.glob("*.webp"))[::6])
    assert (reference * served).sum(axis=1).min() >= 0.99
    nearest, nearest_too = ((vectors @ vectors.T - 2 * np.eye(len(vectors))) for vectors in (reference, served))
    assert (nearest.argmax(axis=1) == nearest_too.argmax(axis=1)).mean() >= 0.9


@pytest.mark.slow
def test_a_query_does_not_wait_for_the_batch_that_is_encoded_beside_it():
    handle = Encoder(LITE, "cpu", runtime="openvino")
    photo = gradient(224, 224)
    handle.warm()
    taken = 0

    def photos() -> Iterator[Image.Image]:
        nonlocal taken
        while taken < 64:
            taken += 1
            yield photo

    def query() -> int:
        before = taken
        handle.encode([photo])
        return taken - before

    batch = threading.Thread(target=handle.encode, args=(photos(),))
    batch.start()
    waits = []
    while batch.is_alive():
        waits.append(query())
    # Requests are served in turn: a query waits for one photo of the batch or two, now and then for three. Photos are
    # counted, not seconds, since a busy machine makes every photo slower.
    assert taken == 64
    assert len(waits) >= 16
    assert max(waits) < 8
