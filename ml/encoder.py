"""Photos to vectors: one preprocessing, one forward pass, one normalisation, for indexing and queries alike."""

import os
import threading
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from ml.recipes import Recipe, WeightsError
from ml.weights import load_network

# ResNet50 on two CPU cores, ms a photo by batch: 53 (1), 53 (16), 66 (32), so more photos at once only cost memory.
# The channels_last layout is what makes 16 as good as 1: without it 79 ms.
BATCH_SIZE = 16
RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


class Encoder:
    """Turns photos into the vectors a recipe describes.

    A handle that costs nothing to make: the network is loaded at the first call, once a process, shared by all
    threads, and never inherited through a fork. Calls are thread-safe.
    """

    def __init__(self, recipe: Recipe, device: str = "auto", batch_size: int = BATCH_SIZE) -> None:
        """`device` is "auto" (a CUDA device when there is one), or what torch.device understands."""
        self.recipe = recipe
        self.device = device
        self.batch_size = batch_size

    def encode(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """(n, dimensions) float32, each row of length 1, for n RGB images of any size.

        Raises WeightsError when the recipe's weights cannot be loaded; nothing is ever downloaded here.
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
        device = _resolve(self.device)
        network = _shared_network(self.recipe, device)
        batch = torch.stack([preprocess(image, self.recipe) for image in images])
        features = network(batch.to(device, memory_format=torch.channels_last))["features"]
        vectors: NDArray[np.float32] = nn.functional.normalize(pool(features, self.recipe), dim=1).cpu().numpy()
        return vectors


def preprocess(image: Image.Image, recipe: Recipe) -> Tensor:
    """An RGB image as the (3, size, size) float32 tensor the recipe's weights expect."""
    if image.mode != "RGB":
        raise ValueError(f"the image is {image.mode}, not RGB: open it with ml.images.open_photo")
    fitted = _pad(image, recipe) if recipe.fit == "pad" else _crop(image, recipe)
    pixels = torch.from_numpy(np.array(fitted)).permute(2, 0, 1).float().div(255)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (recipe.mean, recipe.std))
    return pixels.sub(mean).div(std)


def pool(features: Tensor, recipe: Recipe) -> Tensor:
    """(n, channels, height, width) -> (n, channels)."""
    return features.mean((2, 3)) if recipe.pooling == "avg" else features.amax((2, 3))


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


def _resolve(device: str) -> str:
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
    """This process's copy; two threads that ask at once wait for one load."""
    with _lock:
        return _load(recipe, device)


@lru_cache(maxsize=2)  # the live space and the one being built: about 100 MB each
def _load(recipe: Recipe, device: str) -> nn.Module:
    extractor: nn.Module = create_feature_extractor(load_network(recipe), {recipe.layer: "features"})
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
