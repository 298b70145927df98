"""Photos to vectors: one preprocessing, one forward pass, one normalisation, for indexing and queries alike."""

import os
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from ml.backbones import BACKBONES
from ml.projection import Projection
from ml.recipes import Recipe, WeightsError
from ml.weights import load_network

# ResNet50 on two CPU cores, ms a photo by batch: 53 (1), 53 (16), 66 (32), so more photos at once only cost memory.
# The channels_last layout is what makes 16 as good as 1: without it 79 ms.
BATCH_SIZE = 16
# p of generalised-mean pooling: what training converges to in the paper, and what everybody takes untrained.
GEM_P = 3.0
LARGEST = float(np.finfo(np.float16).max)  # of the half-precision floats that vectors are stored as
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class Encoder:
    """Turns photos into the vectors a recipe describes.

    A handle that costs nothing to make: the network is loaded at the first call, once a process, shared by all
    threads, and never inherited through a fork. Calls are thread-safe.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: str = "auto",
        batch_size: int = BATCH_SIZE,
        projection: Projection | None = None,
    ) -> None:
        """`device` is "auto" (a CUDA device when there is one), or what torch.device understands.

        `projection` is the one that the recipe names, None for a recipe without PCA.
        """
        if (projection is not None) != bool(recipe.pca):
            raise ValueError("a recipe with PCA needs its projection, one without takes none")
        self.recipe = recipe
        self.device = device
        self.batch_size = batch_size
        self.projection = projection

    def encode(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(n, dimensions) float32, each row of length 1 if the recipe normalises, for n RGB images of any size.

        Raises WeightsError when the recipe's weights cannot be loaded, or give no numbers that halfvec can hold;
        nothing is ever downloaded here.
        """
        batches = [images[i : i + self.batch_size] for i in range(0, len(images), self.batch_size)]
        rows = [self._encode_batch(batch) for batch in batches]
        return np.concatenate([np.empty((0, self.recipe.dimensions), np.float32), *rows])

    def warm(self) -> None:
        """Load the network and run it once, so that the first query is as fast as the rest."""
        side = self.recipe.input_size
        self.encode([Image.new("RGB", (side, side))])

    @torch.inference_mode()
    def _encode_batch(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        device = resolve_device(self.device)
        network = _shared_network(self.recipe, device)
        batch = torch.stack([preprocess(image, self.recipe) for image in images])
        features = pool(network(batch.to(device, memory_format=torch.channels_last))["features"], self.recipe)
        if self.recipe.normalize:
            features = nn.functional.normalize(features, dim=1)
        vectors: NDArray[np.float32] = features.cpu().numpy()
        if self.projection is not None:
            vectors = self.projection.apply(vectors, self.recipe.normalize)
        if not (np.abs(vectors) <= LARGEST).all():  # Also false of NaN.
            raise WeightsError(f"the network gives numbers beyond {LARGEST:,.0f} or none at all: check its weights")
        return vectors


def preprocess(image: Image.Image, recipe: Recipe) -> Tensor:
    """An RGB image as the (3, size, size) float32 tensor the recipe's weights expect."""
    if image.mode != "RGB":
        raise ValueError(f"the image is {image.mode}, not RGB: open it with ml.images.open_photo")
    fitted = FITS[recipe.fit](image, recipe)
    pixels = torch.from_numpy(np.array(fitted)).permute(2, 0, 1).float().div(255)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (recipe.mean, recipe.std))
    return pixels.sub(mean).div(std)


def pool(features: Tensor, recipe: Recipe) -> Tensor:
    """Maps (n, channels, height, width) -> (n, channels); vectors (n, channels) stay as they are."""
    return features if features.ndim == 2 else POOLINGS[recipe.pooling](features)


def _gem(features: Tensor) -> Tensor:
    """The generalised mean, between average and maximum (Radenović et al. 2018, equation 2)."""
    return features.clamp(min=1e-6).pow(GEM_P).mean((2, 3)).pow(1 / GEM_P)


def _pad(image: Image.Image, recipe: Recipe) -> Image.Image:
    """The whole photo, its longer side scaled to the input size, centred on white.

    White, because most product photos are taken on it. Measured with trained weights on tight crops of 64 long
    or tall furniture photos: the nearest vector is the uncropped original for 0.89 of them, with the ImageNet
    mean colour for 0.16, and with `_crop` for 0.14.
    """
    size = recipe.input_size
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    square = Image.new("RGB", (size, size), "white")
    scaled = image.resize((width, height), RESAMPLING[recipe.interpolation])
    square.paste(scaled, ((size - width) // 2, (size - height) // 2))
    return square


def _crop(image: Image.Image, recipe: Recipe) -> Image.Image:
    """torchvision's evaluation transform: the shorter side to 8/7 of the input size, then the centre."""
    size = recipe.input_size
    short, shorter_side = size * 8 // 7, min(image.size)
    width, height = (int(short * side / shorter_side) for side in image.size)
    scaled = image.resize((width, height), RESAMPLING[recipe.interpolation])
    left, top = round((width - size) / 2), round((height - size) / 2)
    return scaled.crop((left, top, left + size, top + size))


def _squash(image: Image.Image, recipe: Recipe) -> Image.Image:
    """The whole photo, its sides made equal."""
    return image.resize((recipe.input_size, recipe.input_size), RESAMPLING[recipe.interpolation])


FITS: dict[str, Callable[[Image.Image, Recipe], Image.Image]] = {"pad": _pad, "crop": _crop, "squash": _squash}
POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "avg": lambda features: features.mean((2, 3)),
    "max": lambda features: features.amax((2, 3)),
    "gem": _gem,
}


def resolve_device(device: str) -> str:
    """Asked as late as possible: looking for CUDA before a fork would break it in the child."""
    available = torch.cuda.is_available()
    if device.partition(":")[0] not in ("auto", "cpu", "cuda"):
        raise WeightsError(f"the network cannot go to {device!r}: set the device to 'auto', 'cpu' or 'cuda'")
    if device.startswith("cuda") and not available:
        raise WeightsError(f"the network cannot go to {device!r}, torch sees no GPU: set the device to 'cpu' or 'auto'")
    if device != "auto":
        return device
    return "cuda" if available else "cpu"


_lock = threading.Lock()


def _shared_network(recipe: Recipe, device: str) -> nn.Module:
    """This process's copy; two threads that ask at once wait for one load.

    Recipes that differ only in what comes before and after the network share it.
    """
    network = Recipe(recipe.backbone, recipe.weights, recipe.weights_sha256, recipe.layer)
    with _lock:
        return _load(network, device)


@lru_cache(maxsize=2)  # the live space and the one being built: about 100 MB each, VGG16 500 MB
def _load(recipe: Recipe, device: str) -> nn.Module:
    module = BACKBONES[recipe.backbone].module(recipe.layer)
    extractor: nn.Module = create_feature_extractor(load_network(recipe), {module: "features"})
    return extractor.eval().to(device).to(memory_format=torch.channels_last)


def _forget_networks() -> None:
    """In a forked child: CUDA memory cannot be inherited, and another thread of the parent may hold the lock.

    Nor can OpenMP's threads: once the parent has computed with several, the child would wait for them for ever.
    """
    global _lock
    _lock = threading.Lock()
    if _load.cache_info().currsize:
        torch.set_num_threads(1)
    _load.cache_clear()


os.register_at_fork(after_in_child=_forget_networks)
