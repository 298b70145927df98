"""The network in torch: on a GPU in bfloat16, and on the CPU in float32, the reference for every other runtime."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from ml.network import build
from ml.recipes import Recipe, WeightsError
from ml.torch_lock import running

# The share of the memory free at loading that passes may take: another space's network needs room as well.
MEMORY_SHARE = 0.5
# The bytes that a pass takes for each pixel of a photo. This is a guess, unmeasured: 75 MB a photo of 224 x 224 is
# several times what the largest maps of VGG16 take.
BYTES_A_PIXEL = 1500
# The most photos at once on a GPU: a worker claims 64, which are two passes, and decodes the second during the first.
LARGEST_BATCH = 32
CPU_BATCH = 16  # more photos at once would only cost memory


class TorchNetwork:
    """Photos to features on one device."""

    passes = 2  # the second waits on the GPU, which then never idles

    def __init__(self, recipe: Recipe, device: str, dense: bool = False) -> None:
        """`device` as for ml.encoder.Encoder, `dense` as for ml.network.build. Raises WeightsError."""
        self.device = torch.device(resolve_device(device))
        self.network = build(recipe, dense).to(memory_format=torch.channels_last).to(self.device)
        self.batch_size = CPU_BATCH
        if self.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.device)
            photos = MEMORY_SHARE * free / (BYTES_A_PIXEL * recipe.input_size**2)
            self.batch_size = int(max(1, min(LARGEST_BATCH, photos)))
            # Older GPUs only emulate bfloat16.
            has_bf16 = torch.version.hip or torch.cuda.get_device_capability(self.device) >= (8, 0)
            self.precision = torch.bfloat16 if has_bf16 else torch.float16
            self.copies = torch.cuda.Stream(self.device)
            self.queries = torch.cuda.Stream(self.device, priority=-1)

    @torch.inference_mode()
    def start(self, pixels: NDArray[np.uint8]) -> Callable[[], NDArray[np.float32]]:
        """(n, size, size, 3) -> a function that gives (n, channels), or what ml.network says of a dense network.

        A GPU works while the caller goes on, until it asks for the result; the CPU is done on return.
        """
        photos = torch.from_numpy(pixels)
        if self.device.type == "cpu":
            with running():
                made = self.network(photos)
            return lambda: _numpy(made)
        with torch.cuda.stream(self.copies):  # Pinned memory lets the copy run beside the previous pass.
            seen = photos.pin_memory().to(self.device, non_blocking=True)
        # A query overtakes a batch: its kernels go first between two of the batch's.
        stream = self.queries if len(photos) == 1 else torch.cuda.current_stream(self.device)
        stream.wait_stream(self.copies)
        seen.record_stream(stream)
        with running(), torch.cuda.stream(stream), torch.autocast("cuda", self.precision):
            made = self.network(seen).to("cpu", non_blocking=True)
            done = stream.record_event()

        def wait() -> NDArray[np.float32]:
            done.synchronize()
            return _numpy(made)

        return wait


def resolve_device(device: str) -> str:
    """The torch device that "auto", "cpu" or "cuda" stands for. Raises WeightsError where torch sees no GPU.

    Call it as late as possible: looking for CUDA before a fork would break it in the child.
    """
    available = torch.cuda.is_available()
    if device.startswith("cuda") and not available:
        raise WeightsError(f"the network cannot go to {device!r}, torch sees no GPU: set the device to 'cpu' or 'auto'")
    if device != "auto":
        return device
    return "cuda" if available else "cpu"


def _numpy(features: torch.Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = features.numpy()
    return found
