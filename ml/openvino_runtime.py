"""The network in OpenVINO: the CPU's runtime for serving, in bfloat16 where the CPU has it.

The torch module is converted once and kept on disk. A process that finds it there never imports torch.
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
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones import BACKBONES
from ml.recipes import IMAGENET, RANDOM, Recipe, WeightsError, sha256_of
from ml.torch_lock import alone

# OpenVINO reports its import and each conversion to its makers' Google Analytics unless this module is missing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # type: ignore[import-untyped]  # noqa: E402
from openvino import frontend  # noqa: E402

logger = logging.getLogger(__name__)
# The version of what the cache keeps. Raise it when ml.network or the conversion gives another network for the same
# recipe.
FORMAT = 1
# The same of dense networks. Raise it as well when FINER, MOST_DETAILS or a backbone's details (ml.backbones) change.
DENSE = 2
KEPT = 12  # networks on disk: ResNet50 takes 47 MB, VGG16 up to fc1 235 MB; a dense one counts by itself
MODEL, WEIGHTS, SEAL = "network.xml", "network.bin", "sha256"
PARTIAL = ".partial-"
# What OpenVINO raises on a network that it cannot convert, read or compile.
FAILURES = (
    RuntimeError,
    frontend.GeneralFailure,
    frontend.InitializationFailure,
    frontend.NotImplementedFailure,
    frontend.OpConversionFailure,
    frontend.OpValidationFailure,
)


class OpenvinoNetwork:
    """Photos to features on the CPU.

    Each request is one photo, on all cores. Requests are served in the order in which they came, so a query waits for
    at most one photo of a batch that is encoded beside it. Several photos a request would serve hardly more photos a
    second (`python -m benchmarks.speed encode`), and a query would wait for them all.
    """

    batch_size = passes = 1

    def __init__(self, recipe: Recipe, cache: Path | None, precision: str = "", dense: bool = False) -> None:
        """Converts the network unless the folder `cache` has it. Raises WeightsError.

        `precision` is "bf16" or "f32"; by default bf16 where the CPU computes in it. `dense` as for ml.network.build.
        """
        self.core = openvino.Core()
        has_bf16 = "BF16" in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision or ("bf16" if has_bf16 else "f32")
        self.compiled = self._load(recipe, cache, dense)

    def start(self, pixels: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """(n, size, size, 3) -> a function that waits for (n, channels); the network works meanwhile.

        What a dense network gives, ml.network says.
        """
        requests = [self.compiled.create_infer_request() for _ in pixels]
        for request, photo in zip(requests, pixels, strict=True):
            request.start_async({0: photo[None]})

        def wait() -> NDArray[np.float32]:
            for request in requests:
                request.wait()
            return np.concatenate([request.get_output_tensor().data for request in requests])

        return wait

    def _load(self, recipe: Recipe, cache: Path | None, dense: bool) -> openvino.CompiledModel:
        if cache is not None:
            try:
                return self.compile(self._read_kept(recipe, cache, dense))
            except OSError as error:
                logger.warning("The converted network is not kept in %s, so each process converts it: %s", cache, error)
        with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
            _convert(recipe, Path(folder), dense)
            return self.compile(self.core.read_model(Path(folder, MODEL)))  # The mapped weights outlive their file.

    def _read_kept(self, recipe: Recipe, cache: Path, dense: bool) -> openvino.Model:
        folder = _kept(recipe, cache, dense)
        try:
            return self.core.read_model(folder / MODEL)
        except FAILURES:  # The files are whole and of no use all the same. Convert once more, then blame the network.
            (folder / SEAL).unlink(missing_ok=True)
        with _told_with_its_cure():
            return self.core.read_model(_kept(recipe, cache, dense) / MODEL)

    def compile(self, model: openvino.Model) -> openvino.CompiledModel:
        """Compile a network with the settings that all networks here share. Raises WeightsError."""
        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": 1,
            # Pinned, the threads of two processes would share one core and leave another idle.
            "ENABLE_CPU_PINNING": False,
        }
        with _told_with_its_cure():
            return self.core.compile_model(model, "CPU", settings)


def _kept(recipe: Recipe, cache: Path, dense: bool = False) -> Path:
    """The folder of the converted network. It is made when missing or damaged; others that ask meanwhile wait."""
    folder = cache / _folder(recipe, dense)
    if not _is_whole(folder):
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / ".lock"):
            if not _is_whole(folder):
                for left in cache.glob(f"{PARTIAL}*"):  # Killed processes left these: who converts holds the lock.
                    shutil.rmtree(left, ignore_errors=True)
                _convert_into(folder, recipe, dense)
                _prune(cache)
    with suppress(OSError):  # The cache may be read-only.
        os.utime(folder)
    return folder


def _folder(recipe: Recipe, dense: bool = False) -> str:
    return f"{recipe.backbone}-{_digest(recipe)}{f'-dense{DENSE}' if dense else ''}"


def _digest(recipe: Recipe) -> str:
    """Equal networks have equal digests, wherever their weights lie. Another torch draws other random weights."""
    published = BACKBONES[recipe.backbone].imagenet
    imagenet = (published.url or published.sha256) if published else ""
    weights = {IMAGENET: imagenet, RANDOM: f"torch {version('torch')}"}.get(recipe.weights, "file")
    network = replace(recipe.network, weights=weights).as_dict()
    del network["learn"]  # No network depends on it, and those that earlier versions kept were named without it.
    parts = [FORMAT, openvino.__version__, network]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _prune(cache: Path) -> None:
    """Delete all but the KEPT networks that were loaded last."""
    folders = sorted((path.parent for path in cache.glob(f"*/{SEAL}")), key=lambda path: path.stat().st_mtime)
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Whether the files are as they were written: a wrong byte would give wrong vectors without any error."""
    try:
        return (folder / SEAL).read_bytes() == _seal(folder)
    except OSError:
        return False


def _seal(folder: Path) -> bytes:
    return "".join(sha256_of(folder / name) for name in (MODEL, WEIGHTS)).encode()


def _convert_into(folder: Path, recipe: Recipe, dense: bool) -> None:
    """Convert into a folder that gets its name when all is written, so nobody ever sees half of it."""
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder.parent) as partial:
        made = Path(partial, "made")
        _convert(recipe, made, dense)
        (made / SEAL).write_bytes(_seal(made))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


def _convert(recipe: Recipe, folder: Path, dense: bool = False) -> None:
    """Write the recipe's network as OpenVINO reads it, the weights in half precision.

    Raises WeightsError when it cannot be converted, and OSError when it cannot be written.
    """
    import torch  # It takes seconds and 300 MB, and only a process that converts pays.

    from ml.network import build

    network, side = build(recipe, dense), recipe.input_size
    with _told_with_its_cure(), alone(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", FutureWarning)
        photo = torch.zeros(1, side, side, 3, dtype=torch.uint8)
        model = openvino.convert_model(
            network, example_input=photo, input=[(1, -1, -1, 3) if dense else tuple(photo.shape)]
        )
    try:
        openvino.save_model(model, folder / MODEL, compress_to_fp16=True)
    except RuntimeError as error:
        raise OSError(_telling_line(error)) from error


@contextmanager
def _told_with_its_cure() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise WeightsError(
            f"OpenVINO cannot run this network ({_telling_line(error)}): set LAMPLIGHT_RUNTIME=torch"
        ) from error


def _telling_line(error: Exception) -> str:
    """The error's first line that does not merely say where in OpenVINO's source it arose."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if line and " at src/" not in line and " from src/" not in line), "no reason")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A lock that one process holds at a time; the kernel releases it when that process dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
