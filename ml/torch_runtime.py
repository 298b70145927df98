"""The network in torch: on a GPU in bfloat16, and on the CPU in float32, the reference for every other runtime."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from ml.network import build
from ml.recipes import Recipe, WeightsError

# Of the memory that is free at loading, left to the network's passes: another space's network comes beside it.
MEMORY_SHARE = 0.5
# Bytes that a pass takes for each pixel of a photo, and the most photos at once. Guesses, unmeasured: 75 MB a photo of
# 224 x 224 is several times what the largest maps of VGG16 take.
BYTES_A_PIXEL = 1500
LARGEST_BATCH = 256
# ResNet50 on two CPU cores, ms a photo by batch: 53 (1), 53 (16), 66 (32), so more photos at once only cost memory.
CPU_BATCH = 16


class TorchNetwork:
    """Photos to features on one device."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        """`device` is "auto", or what torch.device understands. Raises WeightsError."""
        self.device = torch.device(resolve_device(device))
        self.network = build(recipe).to(self.device).to(memory_format=torch.channels_last)
        self.batch_size = CPU_BATCH
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            photos = MEMORY_SHARE * free / (BYTES_A_PIXEL * recipe.input_size**2)
            self.batch_size = int(max(1, min(LARGEST_BATCH, photos)))

    @torch.inference_mode()
    def start(self, pixels: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """(n, size, size, 3) -> a function that gives (n, channels).

        A GPU works while the caller goes on, until it asks for the result; the CPU is done on return.
        """
        photos = torch.from_numpy(pixels)
        if self.device.type == "cpu":
            features = self.network(photos)
            return lambda: _numpy(features)
        precision = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        with torch.autocast(self.device.type, precision):
            # From pinned memory the copy runs beside the previous pass.
            features = self.network(photos.pin_memory().to(self.device, non_blocking=True))
        return lambda: _numpy(features)


def resolve_device(device: str) -> str:
    """Asked as late as possible: looking for CUDA before a fork would break it in the child. Raises WeightsError."""
    available = torch.cuda.is_available()
    if device.partition(":")[0] not in ("auto", "cpu", "cuda"):
        raise WeightsError(f"the network cannot go to {device!r}: set the device to 'auto', 'cpu' or 'cuda'")
    if device.startswith("cuda") and not available:
        raise WeightsError(f"the network cannot go to {device!r}, torch sees no GPU: set the device to 'cpu' or 'auto'")
    if device != "auto":
        return device
    return "cuda" if available else "cpu"


def _numpy(features: torch.Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = features.cpu().numpy()
    return found
