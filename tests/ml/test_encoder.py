"""Photos to vectors: opened, encoded, and the network loaded once."""

import io
import multiprocessing
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ml import encoder
from ml.backbones import BACKBONES, Backbone
from ml.encoder import Encoder, choose_runtime
from ml.head_fitting import fit_classifier
from ml.images import UnreadablePhoto, as_jpeg
from ml.projection import fit_projection
from ml.recipes import Recipe, WeightsError, make_recipe
from tests.ml.photos import DEMO, DEMO_PHOTOS, LITE, SMALL, both_runtimes, chair, gradient


@both_runtimes
def test_vectors_are_float32_rows_of_length_one_whatever_the_batch(runtime):
    photos = [gradient(200 + 20 * i, 200) for i in range(5)]
    whole = Encoder(SMALL, "cpu", runtime=runtime).encode(photos)
    pieces = Encoder(SMALL, "cpu", batch_size=2, runtime=runtime).encode(photos)
    assert (whole.dtype, whole.shape) == (np.dtype(np.float32), (5, 512))
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-6)
    assert np.abs(whole - pieces).max() < 1e-5


def test_no_photos_give_no_rows():
    assert Encoder(SMALL, runtime="torch").encode([]).shape == (0, 512)


def test_a_projection_follows_the_network():
    photos = [chair(colour) for colour in ("brown", "navy", "teal", "red", "gold")]
    whole = Encoder(SMALL).encode(photos)
    projection = fit_projection(whole, 3)
    recipe = replace(SMALL, pca=3, projection_sha256="of the projection")
    vectors = Encoder(recipe, projection=projection).encode(photos)
    assert vectors == pytest.approx(projection.apply(whole, normalize=True), abs=1e-5)
    with pytest.raises(ValueError, match="a recipe with PCA needs its projection"):
        Encoder(recipe)
    with pytest.raises(ValueError, match="one without takes none"):
        Encoder(SMALL, projection=projection)


def test_recipes_that_differ_around_the_network_share_one_load(loads):
    for recipe in (SMALL, replace(SMALL, fit="crop"), replace(SMALL, interpolation="bicubic", normalize=False)):
        Encoder(recipe, runtime="torch").warm()
    assert loads == [SMALL]
    Encoder(replace(SMALL, pooling="max"), runtime="torch").warm()
    assert len(loads) == 2


def test_the_networks_used_last_are_kept(loads):
    first, second, third, fourth = (replace(SMALL, input_size=size) for size in (32, 64, 96, 128))
    for recipe in (first, second, third, first, fourth, first, third, second):
        Encoder(recipe, runtime="torch").warm()
    assert loads == [first, second, third, fourth, second]


@both_runtimes
@pytest.mark.parametrize("factor", [1e9, float("nan")])
def test_numbers_that_no_half_precision_float_holds_are_refused(monkeypatch, factor, runtime):
    class Loud(nn.Module):
        def forward(self, photos: torch.Tensor) -> torch.Tensor:
            return photos * factor

    def loud() -> nn.Module:
        return nn.Sequential(OrderedDict(stem=nn.Conv2d(3, 4, 4, stride=4), loud=Loud(), fc=nn.Linear(1, 1)))

    monkeypatch.setitem(BACKBONES, "loud", Backbone(loud, layer="loud", head="fc", input_size=32))
    recipe = make_recipe("random", "loud", normalize=False)
    with pytest.raises(WeightsError, match="numbers beyond 65,504 or none at all"):
        Encoder(recipe, "cpu", runtime=runtime).encode([chair("brown")])


def test_the_same_photo_gives_the_same_vector_twice():
    photo = gradient(300, 200)
    assert np.array_equal(Encoder(SMALL, "cpu").encode([photo]), Encoder(SMALL, "cpu").encode([photo]))


@pytest.mark.parametrize("first_sku", ["LAM-008", "CHA-027", "SOF-020"])
def test_red_finds_red(first_sku):
    """Of one lamp in red, black and sage, each colour's second view finds its first; and so of a chair and a sofa."""
    handle = Encoder(LITE)
    number = int(first_sku[-3:])
    variants = [f"{first_sku[:4]}{number + place:03}" for place in range(3)]
    first, second = (
        handle.encode(handle.open((DEMO_PHOTOS / f"{sku}-{view}.webp").read_bytes()) for sku in variants)
        for view in (1, 2)
    )
    assert (second @ first.T).argmax(axis=1).tolist() == [0, 1, 2]


def test_missing_weights_stop_the_encoder():
    with pytest.raises(WeightsError):
        Encoder(Recipe(weights="/nowhere/w.pth")).encode([gradient(64, 64)])


@pytest.fixture
def loads(monkeypatch) -> list[Recipe]:
    """The recipes whose networks were loaded, starting from none."""
    seen: list[Recipe] = []

    def load(recipe: Recipe, *options: Any) -> encoder.Network:
        seen.append(recipe)
        return load_really(recipe, *options)

    load_really = encoder._load
    monkeypatch.setattr(encoder, "_load", load)
    encoder._networks.clear()
    return seen


def test_an_encoder_loads_nothing_until_it_is_used(loads):
    Encoder(SMALL, "cpu", runtime="torch")
    assert loads == []
    Encoder(SMALL, "cpu", runtime="torch").warm()
    assert loads == [SMALL]


def test_warming_the_places_loads_the_dense_network_where_there_is_one(loads):
    Encoder(replace(SMALL, pooling="gem"), "cpu").warm_places()
    assert loads == []
    Encoder(SMALL, "cpu").warm_places()
    assert loads == [SMALL]


@both_runtimes
def test_threads_that_start_together_share_one_load(loads, runtime):
    vectors = []
    photo = gradient(100, 100)
    handle = Encoder(SMALL, "cpu", runtime=runtime)
    threads = [threading.Thread(target=lambda: vectors.append(handle.encode([photo]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [SMALL]
    assert all(np.array_equal(vectors[0], other) for other in vectors)


def test_a_loaded_network_answers_while_another_is_loading(monkeypatch):
    loaded, other = SMALL, replace(SMALL, input_size=96)
    loading, may_end = threading.Event(), threading.Event()
    load_really = encoder._load

    def load(recipe: Recipe, *options: Any) -> encoder.Network:
        if recipe == other:
            loading.set()
            assert may_end.wait(60)
        return load_really(recipe, *options)

    Encoder(loaded, "cpu", runtime="torch").warm()
    monkeypatch.setattr(encoder, "_load", load)
    threads = [
        threading.Thread(target=Encoder(recipe, "cpu", runtime="torch").warm, daemon=True) for recipe in (other, loaded)
    ]
    threads[0].start()
    assert loading.wait(60)
    threads[1].start()
    threads[1].join(30)
    assert not threads[1].is_alive()
    may_end.set()
    threads[0].join(60)
    encoder._networks.clear()


def encode_in_child(loads, queue, runtime):
    before = len(loads)
    with encoder._networks._lock:
        pass
    vector = Encoder(SMALL, "cpu", runtime=runtime).encode([gradient(100, 100)])
    queue.put((len(loads) - before, vector))
    queue.close()
    queue.join_thread()
    sys.exit()  # This runs what ends an interpreter, destructors and all; multiprocessing's own children skip that.


@both_runtimes
def test_a_forked_child_loads_its_own_network_even_when_the_parent_holds_the_lock(loads, runtime):
    handle = Encoder(SMALL, "cpu", runtime=runtime)
    handle.warm()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=encode_in_child, args=(loads, queue, runtime), daemon=True)
    with encoder._networks._lock:
        child.start()
    loaded, vector = queue.get(timeout=60)
    child.join(timeout=60)
    assert (loaded, child.exitcode) == (1, 0)
    assert np.allclose(vector, handle.encode([gradient(100, 100)]), atol=1e-3)


class Diary:
    """A network that notes what it is asked, and gives each photo's mean colour."""

    batch_size = 2

    def __init__(self, passes: int) -> None:
        self.passes = passes
        self.lines: list[str] = []

    def photos(self, count: int) -> Iterator[Image.Image]:
        for number in range(count):
            self.lines.append(f"take {number}")
            yield Image.new("RGB", (8, 8), (number, 10, 10))

    def start(self, pixels: np.ndarray) -> Callable[[], np.ndarray]:
        features = pixels.mean(axis=(1, 2), dtype=np.float32)
        numbers = ",".join(f"{value:.0f}" for value in features[:, 0])
        self.lines.append(f"start {numbers}")

        def wait() -> np.ndarray:
            self.lines.append(f"wait {numbers}")
            return features

        return wait


@pytest.mark.parametrize(
    ("passes", "lines"),
    [
        (
            1,
            [
                *("take 0", "take 1", "start 0,1"),
                *("take 2", "take 3", "wait 0,1", "start 2,3"),
                *("take 4", "wait 2,3", "start 4", "wait 4"),
            ],
        ),
        (
            2,
            [
                *("take 0", "take 1", "start 0,1"),
                *("take 2", "take 3", "start 2,3"),
                *("take 4", "wait 0,1", "start 4", "wait 2,3", "wait 4"),
            ],
        ),
    ],
)
def test_the_next_photos_are_taken_while_the_network_works(monkeypatch, passes, lines):
    diary = Diary(passes)
    monkeypatch.setattr(encoder, "_load", lambda *options: diary)
    encoder._networks.clear()
    vectors = Encoder(replace(SMALL, fit="squash", normalize=False)).encode(diary.photos(5))
    encoder._networks.clear()
    assert vectors[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert diary.lines == lines


def test_the_runtime_is_openvino_on_the_cpu_and_torch_where_that_is_absent(monkeypatch):
    monkeypatch.setattr(encoder, "GPUS", ())
    assert choose_runtime("auto", "auto") == choose_runtime("auto", "cpu") == "openvino"
    assert choose_runtime("auto", "cuda:1") == "torch"
    assert choose_runtime("torch", "cpu") == "torch"
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert choose_runtime("auto", "cpu") == "torch"


@pytest.mark.parametrize(
    ("runtime", "device", "message"),
    [
        ("onnx", "cpu", "there is no runtime 'onnx': set the runtime to auto, torch, openvino"),
        ("openvino", "cuda", "OpenVINO runs on the CPU alone, not on 'cuda'"),
        ("auto", "tpu", "the network cannot go to 'tpu'"),
        ("torch", "cuda:first", "the network cannot go to 'cuda:first'"),
        ("torch", "cuda", "torch sees no GPU"),
    ],
)
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_runtime_or_device_that_cannot_be_had_is_refused(runtime, device, message):
    with pytest.raises(WeightsError, match=message):
        Encoder(SMALL, device, runtime=runtime).warm()


def test_an_openvino_that_cannot_be_imported_leaves_torch_unless_it_is_forced(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "ml.openvino_runtime", None)
    encoder._networks.clear()
    assert Encoder(SMALL, "cpu").encode([gradient(64, 64)]).shape == (1, 512)
    assert "OpenVINO cannot be imported, so the network runs in torch" in caplog.text
    with pytest.raises(WeightsError, match=r"OpenVINO cannot be imported .*: set the runtime to 'torch'"):
        Encoder(SMALL, "cpu", runtime="openvino").warm()
    encoder._networks.clear()


def test_openvino_forced_and_not_installed_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(WeightsError, match="'openvino', which is not installed"):
        choose_runtime("openvino", "cpu")


@pytest.mark.parametrize("fit", ["pad", "crop", "squash"])
@pytest.mark.parametrize(("width", "height"), [(3000, 2000), (900, 2400), (4000, 250), (500, 300), (100, 90)])
def test_a_photo_is_opened_just_large_enough_for_its_recipe(fit, width, height):
    photo = Encoder(replace(SMALL, fit=fit)).open(as_jpeg(Image.new("RGB", (width, height), "teal")))
    wanted = {"pad": 224 / max(width, height), "crop": 256 / min(width, height), "squash": 224 / min(width, height)}
    scale = photo.width / width
    assert photo.height == pytest.approx(height * scale, abs=2)
    assert min(1, wanted[fit]) <= scale <= max(1, min(1, 2 * wanted[fit])) + 0.01


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_region_is_opened_with_all_the_pixels_that_its_network_sees(kind):
    photo = Image.new("RGB", (3200, 1600), "white")
    photo.paste((255, 0, 0), (1600, 800, 1920, 960))
    out = io.BytesIO()
    photo.save(out, kind)
    part = Encoder(SMALL).open(out.getvalue(), (0.5, 0.5, 0.1, 0.1))
    assert part.size == (320, 160)
    inside = np.asarray(part, int)[4:-4, 4:-4]  # JPEG blends colours over a border.
    assert np.abs(inside - (255, 0, 0)).max() <= 8


@pytest.mark.parametrize("recipe", [make_recipe("random"), make_recipe("random", "autoencoder")])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("size", "region"), [((3800, 2000), (0, 0.5, 1, 0.1)), ((304, 1600), (0.9, 0, 0.1, 0.35625))])
def test_a_long_narrow_region_is_judged_by_its_own_pixels(recipe, kind, size, region):
    """The regions measure 3800 x 200 px and 30 x 570: both are 19 times as long as wide."""
    out = io.BytesIO()
    gradient(*size).save(out, kind)
    part = Encoder(recipe).open(out.getvalue(), region)
    assert max(part.size) >= recipe.input_size
    assert max(part.size) / min(part.size) == pytest.approx(19, rel=0.15)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_of_the_narrowest_region_a_pixel_remains(kind):
    out = io.BytesIO()
    Image.new("RGB", (8000, 400), "teal").save(out, kind)
    encoder = Encoder(replace(SMALL, input_size=32))
    assert min(encoder.open(out.getvalue(), (0, 0.96, 1, 0.04)).size) >= 1
    with pytest.raises(UnreadablePhoto, match="mark at least 16 pixels"):
        encoder.open(out.getvalue(), (0, 0.96, 1, 0.0375))


def test_a_region_is_of_the_upright_photo():
    exif = Image.Exif()
    exif[0x0112] = 6  # Shown turned by a quarter, clockwise.
    lying = Image.new("RGB", (2400, 1200), "white")
    lying.paste((0, 0, 255), (0, 1080, 1200, 1200))  # Upright: the left tenth of the upper half.
    out = io.BytesIO()
    lying.save(out, "JPEG", exif=exif, quality=95)
    part = Encoder(SMALL).open(out.getvalue(), (0, 0, 0.1, 0.5))
    assert part.width / part.height == pytest.approx(0.1, abs=0.01)
    assert part.height >= 224
    assert np.asarray(part).reshape(-1, 3).mean(0) == pytest.approx([0, 0, 255], abs=8)


@pytest.mark.parametrize(
    ("region", "code"),
    [
        ((0.6, 0, 0.5, 0.5), "invalid_region"),
        ((0, 0, float("nan"), 1), "invalid_region"),
        ((0, 0, 0, 0), "region_too_small"),
    ],
)
def test_an_unusable_region_is_refused_as_such(region, code):
    with pytest.raises(UnreadablePhoto) as caught:
        Encoder(SMALL).open(as_jpeg(Image.new("RGB", (800, 800))), region)
    assert caught.value.code == code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "kind"), [(448, "JPEG"), (900, "JPEG"), (1800, "JPEG"), (3000, "JPEG"), (448, "PNG"), (1800, "PNG")]
)
def test_a_reduced_decode_keeps_the_embedding_of_the_full_one(side, kind):
    """448 and 1800 are decoded at the network's very size, the hardest case."""
    handle = Encoder(LITE, "cpu")
    photos = [enlarged(file, side, kind) for file in sorted(DEMO_PHOTOS.glob("*.webp"))[::30]]
    full = handle.encode(Image.open(io.BytesIO(photo)).convert("RGB") for photo in photos)
    reduced = handle.encode(map(handle.open, photos))
    assert (full * reduced).sum(axis=1).min() >= 0.97


def enlarged(file: Path, side: int, kind: str = "JPEG") -> bytes:
    """The photo as a camera of that size would have saved it, with the noise that an enlarged photo lacks."""
    photo = Image.open(file).convert("RGB")
    scale = side / max(photo.size)
    size = round(photo.width * scale), round(photo.height * scale)
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC), np.float32)
    pixels += noise(side)[: size[1], : size[0]]
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, kind, quality=85, compress_level=1)
    return out.getvalue()


@lru_cache(maxsize=1)
def noise(side: int) -> np.ndarray:
    """A square camera's noise, kept because drawing it takes longer than all else about a photo."""
    return np.random.default_rng(0).normal(0, 6, (side, side, 3)).astype(np.float32)


@pytest.mark.slow
def test_a_customers_chair_is_taken_for_a_chair_and_finds_itself():
    """Every fifth of the sample catalogue's customers' photos, by a head that has seen studio photos alone."""
    handle = Encoder(LITE)
    skus = sorted(file.stem for file in (DEMO / "queries").glob("*.webp"))
    catalogue = handle.encode(handle.open((DEMO_PHOTOS / f"{sku}-1.webp").read_bytes()) for sku in skus)
    asked = skus[::5]
    queries = handle.encode(handle.open((DEMO / "queries" / f"{sku}.webp").read_bytes()) for sku in asked)
    names, labels = np.unique([sku[:3] for sku in skus], return_inverse=True)
    head = fit_classifier(catalogue, labels, np.arange(len(skus)))
    taken = names[head.probabilities(queries).argmax(axis=1)]
    assert (taken == [sku[:3] for sku in asked]).mean() >= 0.8
    first = np.array(skus)[(queries @ catalogue.T).argsort(axis=1)[:, -10:]]
    assert (first == np.array(asked)[:, None]).any(axis=1).mean() >= 0.8


def test_a_dense_network_that_cannot_be_loaded_is_not_tried_at_every_call(monkeypatch):
    tries = []

    def gone(*arguments):
        tries.append(arguments)
        raise WeightsError("there is no weights file")

    monkeypatch.setattr(encoder, "_load", gone)
    recipe = replace(SMALL, input_size=160)
    for _ in range(3):
        with pytest.raises(WeightsError, match="there is no weights file"):
            Encoder(recipe).places(np.zeros((32, 32, 3), np.uint8))
    assert len(tries) == 1
    monkeypatch.setattr(encoder, "PAUSE", 0)
    with pytest.raises(WeightsError):
        Encoder(recipe).places(np.zeros((32, 32, 3), np.uint8))
    assert len(tries) == 2
