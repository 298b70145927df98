"""A recipe's network in OpenVINO: the CPU's runtime for serving, in bfloat16 where the CPU has it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones import BACKBONES
from ml.openvino_networks import Compiler, openvino, save
from ml.recipes import IMAGENET, RANDOM, Recipe

# The version of what the cache keeps. Raise it when ml.network or the conversion gives another network for the same
# recipe.
FORMAT = 1
# The same of dense networks. Raise it as well when FINER, MOST_DETAILS or a backbone's details (ml.backbones) change.
DENSE = 2


class OpenvinoNetwork:
    """Photos to features on the CPU.

    Each request is one photo, on all cores. Requests are served in the order in which they came, so a query waits for
    at most one photo of a batch that is encoded beside it. Several photos a request would serve hardly more photos a
    second (`python -m benchmarks.speed encode`), and a query would wait for them all.
    """

    batch_size = passes = 1

    def __init__(self, recipe: Recipe, cache: Path | None, precision: str = "", dense: bool = False) -> None:
        """Converts the network unless the folder `cache` has it, and runs it once (ml.loaded_networks says why).

        Raises WeightsError.
        `precision` as for ml.openvino_networks.Compiler, `dense` as for ml.network.build.
        """
        self.compiler = Compiler(precision)
        self.compiled = self.compiler.load(cache, _folder(recipe, dense), partial(_convert, recipe, dense=dense))
        self.start(np.zeros((1, recipe.input_size, recipe.input_size, 3), np.uint8))()

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


def _convert(recipe: Recipe, folder: Path, dense: bool = False) -> None:
    """Write the recipe's network into a folder. Raises as ml.openvino_networks.save."""
    import torch  # It takes seconds and 300 MB, and only a process that converts pays.

    from ml.network import build

    side = recipe.input_size
    photo = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    shape = (1, -1, -1, 3) if dense else tuple(photo.shape)
    save(build(recipe, dense), folder, example_input=photo, input=[shape])
