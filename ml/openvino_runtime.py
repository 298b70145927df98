"""The network in OpenVINO: the CPU's runtime for serving, in bfloat16 where the CPU has it.

The torch module is converted once and kept on disk, so that a process that finds it there never imports torch.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones import BACKBONES
from ml.recipes import IMAGENET, RANDOM, Recipe, sha256_of

# Importing OpenVINO reports the import, and each conversion, to its makers' Google Analytics, unless this is missing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # type: ignore[import-untyped]  # noqa: E402

logger = logging.getLogger(__name__)
# Of what lies in the cache: raise it when ml.network or the conversion gives another network for the same recipe.
FORMAT = 1
KEPT = 8  # networks on disk: 47 MB each of ResNet50, 235 MB of VGG16 up to fc1
MODEL, WEIGHTS, SEAL = "network.xml", "network.bin", "sha256"


class OpenvinoNetwork:
    """Photos to features on the CPU.

    One photo a request, on all cores: requests are served in the order in which they came, so a query waits for at
    most one photo of a batch that is encoded beside it. Measured on two cores with ResNet50: 12 ms a photo, and 85 a
    second for 16 threads at once. With a stream for each core it would be 21 ms, and 95 a second; with eight photos a
    request, a tenth more a second, and a query would wait for all eight.
    """

    batch_size = 1

    def __init__(self, recipe: Recipe, cache: Path | None, precision: str = "") -> None:
        """Converts the network unless it lies in the folder `cache`. Raises WeightsError.

        `precision` is "bf16" or "f32"; by default bf16 where the CPU computes in it.
        """
        self.core = openvino.Core()
        has_bf16 = "BF16" in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision or ("bf16" if has_bf16 else "f32")
        self.compiled = self._load(recipe, cache)

    def start(self, pixels: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """(n, size, size, 3) -> a function that waits for (n, channels); the network works meanwhile."""
        requests = [self.compiled.create_infer_request() for _ in pixels]
        for request, photo in zip(requests, pixels, strict=True):
            request.start_async({0: photo[None]})

        def wait() -> NDArray[np.float32]:
            for request in requests:
                request.wait()
            return np.concatenate([request.get_output_tensor().data for request in requests])

        return wait

    def _load(self, recipe: Recipe, cache: Path | None) -> openvino.CompiledModel:
        if cache is not None:
            try:
                return self._compile(_kept(recipe, cache))
            except (OSError, RuntimeError) as error:  # OpenVINO's own are RuntimeErrors.
                logger.warning("The converted network is not kept in %s, so each process converts it: %s", cache, error)
        with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
            _convert(recipe, Path(folder))
            return self._compile(Path(folder))  # What is mapped into memory outlives its file.

    def _compile(self, folder: Path) -> openvino.CompiledModel:
        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": 1,
            # Pinned, the threads of two processes would share one core and leave another idle.
            "ENABLE_CPU_PINNING": False,
        }
        return self.core.compile_model(self.core.read_model(folder / MODEL), "CPU", settings)


def _kept(recipe: Recipe, cache: Path) -> Path:
    """The folder of the converted network, made when it is missing or damaged; others that ask meanwhile wait."""
    folder = cache / _folder(recipe)
    if not _is_whole(folder):
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / ".lock"):
            if not _is_whole(folder):
                _convert_into(folder, recipe)
                _prune(cache)
    with suppress(OSError):  # A cache that may only be read is as good.
        os.utime(folder)
    return folder


def _folder(recipe: Recipe) -> str:
    return f"{recipe.name}-{_digest(recipe)}"


def _digest(recipe: Recipe) -> str:
    """Equal for equal networks, wherever their weights lie."""
    weights = {IMAGENET: BACKBONES[recipe.backbone].imagenet_url, RANDOM: RANDOM}.get(recipe.weights, "file")
    parts = [FORMAT, openvino.__version__, replace(recipe.network, weights=weights).as_dict()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _prune(cache: Path) -> None:
    """Forget the networks that were not loaded for longest."""
    folders = sorted((path.parent for path in cache.glob(f"*/{SEAL}")), key=lambda path: path.stat().st_mtime)
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Whether the files are those that were written: a wrong byte would give wrong vectors without a word."""
    try:
        return (folder / SEAL).read_text() == _seal(folder)
    except OSError:
        return False


def _seal(folder: Path) -> str:
    return "".join(sha256_of(folder / name) for name in (MODEL, WEIGHTS))


def _convert_into(folder: Path, recipe: Recipe) -> None:
    """Nobody ever sees half of it: the folder gets its name when all is written."""
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder.parent) as partial:
        made = Path(partial, "made")
        _convert(recipe, made)
        (made / SEAL).write_text(_seal(made))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _convert(recipe: Recipe, folder: Path) -> None:
    """Write the recipe's network as OpenVINO reads it, the weights in half precision."""
    import torch  # Seconds, and 300 MB: only a process that converts pays.

    from ml.network import build

    network, side = build(recipe), recipe.input_size
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", FutureWarning)
        photo = torch.zeros(1, side, side, 3, dtype=torch.uint8)
        model = openvino.convert_model(network, example_input=photo, input=[tuple(photo.shape)])
    openvino.save_model(model, folder / MODEL, compress_to_fp16=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Held by one process at a time; the kernel releases it when that process dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
