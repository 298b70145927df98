"""Networks in OpenVINO, the CPU's runtime: converted once, kept on disk whole, and compiled.

A process that finds a converted network in the cache never imports torch.
"""

import fcntl
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ml.recipes import WeightsError, sha256_of
from ml.torch_lock import alone

# OpenVINO reports its import and each conversion to its makers' Google Analytics unless this module is missing.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino  # type: ignore[import-untyped]  # noqa: E402
from openvino import frontend  # noqa: E402

# OpenVINO looks numpy up when the first array passes. Two threads that bring their first array at once wait for each
# other for ever, and hold Python's global lock meanwhile. So the first array passes here, where one thread imports.
openvino.Tensor(np.zeros(1, np.float32)).data.item()

logger = logging.getLogger(__name__)
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
# Writes a converted network into a folder (`save`). Raises WeightsError, and OSError when it cannot be written.
Convert = Callable[[Path], None]


class Compiler:
    """Makes networks ready to run on this CPU."""

    def __init__(self, precision: str = "") -> None:
        """`precision` is "bf16" or "f32"; by default bf16 where the CPU computes in it."""
        self.core = openvino.Core()
        has_bf16 = "BF16" in self.core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.precision = precision or ("bf16" if has_bf16 else "f32")

    def load(self, cache: Path | None, name: str, convert: Convert) -> openvino.CompiledModel:
        """The network of that name, converted unless the folder `cache` has it. Raises WeightsError."""
        if cache is not None:
            try:
                return self.compile(self._read_kept(cache, name, convert))
            except OSError as error:
                logger.warning("The converted network is not kept in %s, so each process converts it: %s", cache, error)
        with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
            convert(Path(folder))
            return self.compile(self.core.read_model(Path(folder, MODEL)))  # The mapped weights outlive their file.

    def compile(self, model: openvino.Model) -> openvino.CompiledModel:
        """Compile a network with the settings that all networks here share. Raises WeightsError."""
        settings = {
            "INFERENCE_PRECISION_HINT": self.precision,
            "NUM_STREAMS": 1,
            # Pinned, the threads of two processes would share one core and leave another idle.
            "ENABLE_CPU_PINNING": False,
        }
        with told_with_its_cure():
            return self.core.compile_model(model, "CPU", settings)

    def _read_kept(self, cache: Path, name: str, convert: Convert) -> openvino.Model:
        folder = kept(cache, name, convert)
        try:
            return self.core.read_model(folder / MODEL)
        except FAILURES:  # The files are whole and of no use all the same. Convert once more, then blame the network.
            (folder / SEAL).unlink(missing_ok=True)
        with told_with_its_cure():
            return self.core.read_model(kept(cache, name, convert) / MODEL)


def save(network: Any, folder: Path, **inputs: Any) -> None:
    """Convert a torch module and write it as OpenVINO reads it, the weights in half precision.

    `inputs` goes to openvino.convert_model. Raises WeightsError when the module cannot be converted, and OSError when
    it cannot be written.
    """
    import torch  # It takes seconds and 300 MB, and only a process that converts pays.

    with told_with_its_cure(), alone(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore", FutureWarning)
        model = openvino.convert_model(network, **inputs)
    try:
        openvino.save_model(model, folder / MODEL, compress_to_fp16=True)
    except RuntimeError as error:
        raise OSError(_telling_line(error)) from error


def kept(cache: Path, name: str, convert: Convert) -> Path:
    """The folder of a converted network. It is made when missing or damaged; others that ask meanwhile wait."""
    folder = cache / name
    if not _is_whole(folder):
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / ".lock"):
            if not _is_whole(folder):
                for left in cache.glob(f"{PARTIAL}*"):  # Killed processes left these: who converts holds the lock.
                    shutil.rmtree(left, ignore_errors=True)
                _convert_into(folder, convert)
                _prune(cache)
    with suppress(OSError):  # The cache may be read-only.
        os.utime(folder)
    return folder


def _prune(cache: Path) -> None:
    """Delete all but the KEPT networks that were loaded last."""
    folders = sorted((path.parent for path in cache.glob(f"*/{SEAL}")), key=lambda path: path.stat().st_mtime)
    for folder in folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """Whether the files are as they were written: a wrong byte would give wrong vectors without any error."""
    try:
        return (folder / SEAL).read_bytes() == seal(folder)
    except OSError:
        return False


def seal(folder: Path) -> bytes:
    """What tells whether the files are as they were written."""
    return "".join(sha256_of(folder / name) for name in (MODEL, WEIGHTS)).encode()


def _convert_into(folder: Path, convert: Convert) -> None:
    """Convert into a folder that gets its name when all is written, so nobody ever sees half of it."""
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder.parent) as partial:
        made = Path(partial, "made")
        convert(made)
        (made / SEAL).write_bytes(seal(made))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)


@contextmanager
def told_with_its_cure() -> Iterator[None]:
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
