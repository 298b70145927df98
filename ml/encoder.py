"""Photos to vectors: one decoding, one preprocessing, one network, one normalisation, for indexing and queries alike.

The network runs in torch (ml.torch_runtime) or in OpenVINO (ml.openvino_runtime). Nothing here imports either, so that
a process pays for the one that it uses, when it uses it.
"""

import importlib.util
import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml.feature_scaling import unit
from ml.images import WHOLE, Region, open_at
from ml.loaded_networks import LoadedNetworks
from ml.preprocessing import enough, enough_for_scene, preprocess
from ml.projection import FittedProjection
from ml.recipes import Recipe, WeightsError

logger = logging.getLogger(__name__)
LARGEST = float(np.finfo(np.float16).max)  # vectors are stored as half-precision floats
RUNTIMES = ("auto", "torch", "openvino")
DEVICES = r"auto|cpu|cuda(:\d+)?"
# How many networks a process keeps: the live space's, its dense one, and that of the space being built. Each takes
# about 100 MB, VGG16 500 MB.
NETWORKS = 3
# A GPU shows in /dev under these names: NVIDIA's driver, AMD's, and that of Linux under Windows. Asking torch instead
# would take seconds and 300 MB in every process of a machine without a GPU.
GPUS = ("nvidia*", "kfd", "dxg")
# Seconds for which a dense network that could not be loaded is not tried again. Searches go on without it, and trying
# imports torch, which takes seconds.
PAUSE = 60
Floats = NDArray[np.float32]


class Network(Protocol):
    """A recipe's network, loaded by a runtime and shared by all threads."""

    batch_size: int
    """How many photos to give it at once."""
    passes: int
    """How many batches to start before waiting for the first."""

    def start(self, pixels: NDArray[np.uint8]) -> Callable[[], Floats]:
        """Begin with n photos, (n, size, size, 3); the function returned waits for their features, (n, channels)."""


class Encoder:
    """Turns photos into the vectors that a recipe describes.

    Making one costs nothing: the network is loaded at the first call. A process loads it once, for all threads, and
    never inherits it through a fork. Calls are thread-safe.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str = "auto",
        batch_size: int | None = None,
        projection: FittedProjection | None = None,
        runtime: str = "auto",
        cache: Path | None = None,
    ) -> None:
        """
        Args:
            device: "auto" (a GPU when there is one), "cpu", "cuda", or one of several GPUs such as "cuda:1".
            batch_size: photos in the network at once; by default the runtime's own number.
            projection: the one that the recipe names; None for a recipe without PCA.
            runtime: "torch", "openvino" (on the CPU only), or "auto": torch on a GPU; on the CPU OpenVINO where it is
                installed, else torch.
            cache: the folder that keeps networks converted for OpenVINO; without one, each process converts.
        """
        if (projection is not None) != bool(recipe.pca):
            raise ValueError("a recipe with PCA needs its projection, one without takes none")
        self.recipe = recipe
        self.device = device
        self.batch_size = batch_size
        self.projection = projection
        self.runtime = runtime
        self.cache = cache

    def open(self, source: bytes | BinaryIO, region: Region | None = None) -> Image.Image:
        """A photo, or its region, upright and as large as the network needs it to be.

        Indexing and queries both come in here, because a photo decoded at another scale gives another vector.
        Raises ml.images.UnreadablePhoto.
        """
        return open_at(source, enough(self.recipe), region or WHOLE)

    def open_scene(self, source: bytes | BinaryIO) -> Image.Image:
        """A photo, upright and as large as `ml.preprocessing.for_map` and crops of its things need it to be.

        Raises ml.images.UnreadablePhoto.
        """
        return open_at(source, enough_for_scene(self.recipe))

    def encode(self, images: Iterable[Image.Image]) -> Floats:
        """(n, dimensions) float32, each row of length 1 if the recipe normalises, for n RGB images of any size.

        The next images are taken and prepared while the network works, so a generator may decode them meanwhile.
        Raises WeightsError when the recipe's weights cannot be loaded, or give numbers that halfvec cannot hold.
        Nothing is ever downloaded here.
        """
        batches = list(self._features(images))
        if not batches:
            return np.empty((0, self.recipe.dimensions), np.float32)
        return self.finish(np.concatenate(batches))

    def places(self, pixels: NDArray[np.uint8]) -> Floats:
        """The features of each place of a picture: (height, width, 3) RGB -> (rows, columns, channels).

        It is for recipes whose map can be read (Recipe.has_map). The mean over places is what `finish` takes, so the
        mean over some of them gives the vector of a region. Both sides of the picture are best multiples of 32, as far
        as the networks scale down. Raises WeightsError as `encode`.
        """
        return self.detailed_places(pixels)[0]

    def detailed_places(self, pixels: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """What `places` gives, and the features of a finer map within each place: (rows, columns, detail channels)."""
        network = _shared_network(self.recipe, self.device, self.runtime, self.cache, dense=True)
        (places,) = network.start(np.stack([pixels]))()  # A copy: Pillow's own bytes are read-only.
        own = places.shape[2] - self.recipe.detail_channels
        return places[..., :own], places[..., own:]

    def warm(self) -> None:
        """Load the network and run it once, so that the first query is as fast as the rest."""
        side = self.recipe.input_size
        self.encode([Image.new("RGB", (side, side))])

    def warm_places(self) -> None:
        """Load the dense network and run it once, if the recipe has a map: `places` is then as fast as the rest."""
        if self.recipe.has_map:
            self.places(np.zeros((self.recipe.input_size, self.recipe.input_size, 3), np.uint8))

    def _features(self, images: Iterable[Image.Image]) -> Iterator[Floats]:
        network = _shared_network(self.recipe, self.device, self.runtime, self.cache)
        waiting: deque[Callable[[], Floats]] = deque()
        pixels = (preprocess(image, self.recipe) for image in images)
        size = self.batch_size or network.batch_size
        while batch := list(islice(pixels, size)):  # This batch fills while earlier ones are in the network.
            if len(waiting) == network.passes:
                yield waiting.popleft()()
            waiting.append(network.start(np.stack(batch)))
        while waiting:
            yield waiting.popleft()()

    def finish(self, features: Floats) -> Floats:
        """Pooled features, (n, channels), as vectors, (n, dimensions). Raises WeightsError as `encode`."""
        vectors = features
        if self.recipe.normalize:
            vectors = unit(features)
        if self.projection is not None:
            vectors = self.projection.apply(vectors, self.recipe.normalize)
        if not (np.abs(vectors) <= LARGEST).all():  # NaN fails this as well.
            raise WeightsError(f"the network gives numbers beyond {LARGEST:,.0f} or none at all: check its weights")
        return vectors


def choose_runtime(runtime: str, device: str) -> str:
    """The runtime to use, where "auto" means what Encoder says. Raises WeightsError when a forced one cannot be had.

    It looks for a GPU only for the device "auto".
    """
    if runtime not in RUNTIMES:
        raise WeightsError(f"there is no runtime {runtime!r}: set the runtime to {', '.join(RUNTIMES)}")
    if not re.fullmatch(DEVICES, device):
        raise WeightsError(f"the network cannot go to {device!r}: set the device to 'auto', 'cpu' or 'cuda'")
    has_openvino = importlib.util.find_spec("openvino") is not None
    if runtime == "openvino":
        if not has_openvino:
            raise WeightsError("the runtime is 'openvino', which is not installed: install it, or set it to 'auto'")
        if device not in ("auto", "cpu"):
            raise WeightsError(f"OpenVINO runs on the CPU alone, not on {device!r}: set the runtime to 'auto'")
    if runtime != "auto":
        return runtime
    if device == "auto" and any(any(Path("/dev").glob(name)) for name in GPUS):
        from ml.torch_runtime import resolve_device

        device = resolve_device("auto")
    return "openvino" if has_openvino and device in ("auto", "cpu") else "torch"


_networks: LoadedNetworks[Network] = LoadedNetworks(NETWORKS)


def _shared_network(recipe: Recipe, device: str, runtime: str, cache: Path | None, dense: bool = False) -> Network:
    """This process's copy. Recipes that differ only in what comes before and after the network share it."""
    key = (recipe.network, device, runtime, dense)
    load = partial(_load, recipe.network, device, runtime, cache, dense)
    return _networks.get(key, load, PAUSE if dense else 0)


def _load(recipe: Recipe, device: str, runtime: str, cache: Path | None, dense: bool) -> Network:
    if choose_runtime(runtime, device) == "openvino":
        try:
            from ml.openvino_runtime import OpenvinoNetwork
        except (ImportError, OSError) as error:  # It is built for another machine, or lacks a system library.
            if runtime == "openvino":
                raise WeightsError(f"OpenVINO cannot be imported ({error}): set the runtime to 'torch'") from error
            logger.warning("OpenVINO cannot be imported, so the network runs in torch: %s", error)
        else:
            return OpenvinoNetwork(recipe, cache, dense=dense)
    from ml.torch_runtime import TorchNetwork

    return TorchNetwork(recipe, device, dense)
