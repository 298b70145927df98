"""Training an autoencoder (ml.autoencoder) on a shop's own photos, without labels and without anybody's weights.

It is trained as a denoising autoencoder (Vincent et al. 2008, "Extracting and Composing Robust Features with Denoising
Autoencoders"): it sees a photo shifted, zoomed, relit and put before another background, as a customer's camera
would, and has to paint the shop's own. What the camera changes is noise, so the bottleneck learns to leave it out.
"""

import hashlib
import math
import pickle
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torch import Generator, Tensor, nn
from torch.nn.functional import mse_loss
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from ml.augmentation import disturb, flip
from ml.autoencoder import SIZE, Autoencoder
from ml.preprocessing import preprocess
from ml.recipes import RANDOM, Recipe
from ml.torch_runtime import resolve_device

RECIPE = Recipe("autoencoder", RANDOM, layer="bottleneck", input_size=SIZE)

# Decoded photos are held in memory as bytes: 49 kB each, 1 GB for all.
MAX_PHOTOS = 20_000
# A choice, not a measurement: of fewer photos, the tenth that is held out is too small to stop by.
MIN_PHOTOS = 64
HELD_OUT = 0.1
SHEET_PHOTOS = 16
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2

# How much of the components' variance is evened out: 0 is nothing, 1 is all. Measured on 150 rendered products with
# two photos each, after 60 epochs: the share of photos that find their product's family, and of customers' photos that
# find their product, both among the first 10.
#   WHITENING  family  customers
#   0          0.594   0.440
#   0.25       0.640   0.480
#   0.5        0.687   0.460
WHITENING = 0.25
# A share of the mean variance: a variance below it is noise, and would be blown up.
VARIANCE_FLOOR = 0.1

# What a damaged file makes torch.load, or the reading of its content, raise.
UNREADABLE = (
    OSError,
    EOFError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
)

Bytes = NDArray[np.uint8]


class TooFewPhotos(Exception):  # noqa: N818  it names the state of the catalogue
    """There are too few photos to learn from, or no product to hold out."""


class CheckpointError(Exception):
    """The checkpoint belongs to another run, or cannot be read. The text says which; starting afresh is the cure."""


def squared(image: Image.Image) -> Bytes:
    """An RGB image as the (SIZE, SIZE, 3) bytes that the network will see when the photo is indexed."""
    return preprocess(image, RECIPE)


@dataclass(frozen=True)
class TrainingPlan:
    """What a run depends on besides the photos: equal plans over equal photos give equal weights."""

    epochs: int = 60
    """The most; the learning rate falls to zero over all of them (Loshchilov and Hutter 2017, cosine annealing)."""
    patience: int = 15
    """Epochs without a better held-out loss after which training ends."""
    batch: int = 16
    seed: int = 0


@dataclass(frozen=True)
class Epoch:
    """How well an epoch's network paints: mean squared errors of normalised pixels. One grey for all has about 1."""

    number: int
    """From 1."""
    loss: float
    """On the photos learned from, disturbed."""
    held_out_loss: float
    """On the photos of held-out products, as they are."""


class Training:
    """One run: a network, how far it has come, and the best it has been.

    Stopping after any epoch and going on from the checkpoint gives, bit for bit, the weights of a run that was never
    stopped: on the same machine, on the CPU, with the same number of threads and the same torch. On a GPU, or across
    machines, sums are taken in other orders and the last digits differ. An epoch that was cut short is repeated.
    """

    def __init__(self, photos: Bytes, products: NDArray[np.integer], plan: TrainingPlan, device: str = "auto") -> None:
        """`photos` (n, SIZE, SIZE, 3), `products` (n,) ids; `device` as for ml.encoder.Encoder.

        Raises TooFewPhotos, and WeightsError when there is no such device.
        """
        self.photos, self.plan = photos, plan
        self.learned, self.held_out = _hold_out(products, plan.seed)
        self.device = resolve_device(device)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(plan.seed)
            self.network = Autoencoder().to(self.device).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.done: list[Epoch] = []
        self.best_state = self.network.state_dict()

    @property
    def best(self) -> Epoch | None:
        """The epoch whose weights are kept, the first of equals; None before the first."""
        return min(self.done, key=lambda epoch: epoch.held_out_loss, default=None)

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or the last `patience` of them brought nothing."""
        waited = len(self.done) - self.best.number if self.best else 0
        return len(self.done) >= self.plan.epochs or waited >= self.plan.patience

    @property
    def batches(self) -> int:
        """The number of batches in an epoch."""
        return max(1, len(self.learned) // self.plan.batch)

    def run(self, checkpoint: Path, on_batch: Callable[[float], object] = lambda loss: None) -> Iterator[Epoch]:
        """Train until it is over, yielding each epoch once it lies in the checkpoint; `on_batch` hears each loss."""
        while not self.is_over:
            epoch = self._epoch(len(self.done) + 1, on_batch)
            self.done.append(epoch)
            if epoch == self.best:
                self.best_state = {name: value.clone() for name, value in self.network.state_dict().items()}
            self._write(checkpoint)
            yield epoch

    def resume(self, checkpoint: Path) -> None:
        """Go on where the run that wrote this checkpoint stopped.

        Raises CheckpointError when it was another plan or other photos, or when the file cannot be read.
        """
        try:
            content = torch.load(checkpoint, weights_only=True, map_location=self.device)
            run, done = dict(content["run"]), [Epoch(**epoch) for epoch in content["epochs"]]
            differing = [name for name, value in self._identity.items() if run.get(name) != value]
            if not differing:
                self.network.load_state_dict(content["network"])
                self.optimizer.load_state_dict(content["optimizer"])
                self.done, self.best_state = done, content["best"]
        except UNREADABLE as error:
            raise CheckpointError(f"the checkpoint {checkpoint} cannot be read ({error})") from error
        if differing:
            raise CheckpointError(f"the checkpoint {checkpoint} is of a run with other {', '.join(differing)}")

    def best_network(self) -> Autoencoder:
        """The best epoch's network in eval mode, its embedding whitened over the photos learned from."""
        network = Autoencoder()
        network.load_state_dict(self.best_state)
        network = network.eval().to(self.device)
        with torch.inference_mode():
            batches = np.split(self.learned, range(self.plan.batch, len(self.learned), self.plan.batch))
            embeddings = [network.bottleneck(network.encoder(_normalise(self._pixels(rows)))) for rows in batches]
        whiten(network, torch.cat(embeddings))
        return network

    def save(self, path: Path) -> None:
        """Write what an embedding needs of `best_network` as safetensors, replacing the file in one step.

        Without the decoder and in half precision it is 4 MB instead of 15; vectors are stored in half precision too.
        """
        network = self.best_network().half()
        kept = {name: value for name, value in network.state_dict().items() if not name.startswith("decoder.")}
        _replace(path, lambda partial: save_file({n: value.cpu().contiguous() for n, value in kept.items()}, partial))

    def _epoch(self, number: int, on_batch: Callable[[float], object]) -> Epoch:
        # Each epoch has a generator of its own, so a resumed run needs no generator's state.
        generator = Generator().manual_seed(_epoch_seed(self.plan.seed, number))
        order = self.learned[torch.randperm(len(self.learned), generator=generator).numpy()]
        size = min(self.plan.batch, len(order))
        losses = []
        self.network.train()
        for index in range(self.batches):
            self._set_learning_rate((number - 1 + index / self.batches) / self.plan.epochs)
            wanted = flip(self._pixels(order[index * size : (index + 1) * size]), generator)
            losses.append(self._step(disturb(wanted, generator), wanted))
            on_batch(losses[-1])
        return Epoch(number, float(np.mean(losses)), self._held_out_loss())

    def _step(self, seen: Tensor, wanted: Tensor) -> float:
        loss = mse_loss(self.network(_normalise(seen)), _normalise(wanted))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def _set_learning_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 + math.cos(math.pi * progress)) / 2

    @torch.inference_mode()
    def _held_out_loss(self) -> float:
        self.network.eval()
        total = 0.0
        for rows in np.split(self.held_out, range(self.plan.batch, len(self.held_out), self.plan.batch)):
            photos = _normalise(self._pixels(rows))
            total += mse_loss(self.network(photos), photos).item() * len(rows)
        return total / len(self.held_out)

    def _pixels(self, rows: NDArray[np.integer]) -> Tensor:
        return _tensor(self.photos[rows], self.device)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        digest = hashlib.sha256(np.ascontiguousarray(self.photos).data).hexdigest()
        return asdict(self.plan) | {"photos": digest, "held-out products": self.held_out.tolist()}

    def _write(self, checkpoint: Path) -> None:
        content = {
            "run": self._identity,
            "epochs": [asdict(epoch) for epoch in self.done],
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best_state,
        }
        _replace(checkpoint, lambda partial: torch.save(content, partial))


@torch.no_grad()
def whiten(network: Autoencoder, embeddings: Tensor) -> None:
    """Stretch the bottleneck until no few directions rule the cosine. What is painted stays the same.

    The stretch is fitted on `embeddings` (n, LATENT), which the bottleneck gives. Each principal component's variance
    becomes variance ** (1 - WHITENING). The transform is folded into the weights on both sides of the bottleneck. It
    does not rotate (ZCA): on the components themselves, a head that standardises would whiten all the way.
    """
    project, norm, read = network.bottleneck[2], network.bottleneck[3], network.decoder[0]
    assert isinstance(project, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert isinstance(read, nn.Linear)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    old = embeddings.double()
    variances, components = torch.linalg.eigh(torch.cov(old.T))
    least = max(VARIANCE_FLOOR * float(variances.mean()), 1e-12)  # Equal photos have no variance.
    scales = variances.clamp(min=least) ** (-WHITENING / 2)
    forth, back = components * scales @ components.T, components / scales @ components.T
    deviation = (norm.running_var.double() + norm.eps).sqrt()
    centre = old.mean(0)
    project.weight.copy_((forth / deviation) @ project.weight.double())
    norm.running_mean.copy_(forth @ (norm.running_mean.double() / deviation + centre))
    norm.running_var.fill_(1 - norm.eps)
    read.bias.add_(read.weight @ centre.to(read.weight))
    read.weight.copy_(read.weight.double() @ back)


def sheet(network: Autoencoder, photos: Bytes) -> Image.Image:
    """Up to SHEET_PHOTOS photos (n, SIZE, SIZE, 3) in rows of 8, and below each row what the network makes of it."""
    originals = _tensor(photos[:SHEET_PHOTOS], next(network.parameters()).device)
    with torch.inference_mode():
        painted = _denormalise(network(_normalise(originals))).clamp(0, 1)
    rows = [part for pair in zip(originals.split(8), painted.split(8), strict=True) for part in pair]
    return to_pil_image(make_grid(torch.cat(rows).cpu(), nrow=min(8, len(originals)), pad_value=0.5))


def _hold_out(products: NDArray[np.integer], seed: int) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
    """The rows to learn from and those of HELD_OUT of the products, at least one of them."""
    names = np.unique(products)
    if len(products) < MIN_PHOTOS or len(names) < 2:
        raise TooFewPhotos(
            f"an autoencoder needs at least {MIN_PHOTOS} photos of at least 2 products to learn from, "
            f"and there are {len(products)} of {len(names)}"
        )
    held = np.random.default_rng(seed).choice(names, max(1, round(HELD_OUT * len(names))), replace=False)
    learned = np.flatnonzero(~np.isin(products, held))
    if len(learned) < MIN_PHOTOS // 2:
        raise TooFewPhotos(f"holding out whole products leaves {len(learned)} of {len(products)} photos to learn from")
    return learned, np.flatnonzero(np.isin(products, held))


def _tensor(photos: Bytes, device: torch.device | str) -> Tensor:
    """(n, SIZE, SIZE, 3) bytes -> (n, 3, SIZE, SIZE), 0 to 1."""
    return torch.from_numpy(photos).to(device).permute(0, 3, 1, 2).float().div(255)


def _normalise(pixels: Tensor) -> Tensor:
    mean, std = (pixels.new_tensor(values).view(3, 1, 1) for values in (RECIPE.mean, RECIPE.std))
    return pixels.sub(mean).div(std).contiguous(memory_format=torch.channels_last)


def _denormalise(photos: Tensor) -> Tensor:
    mean, std = (photos.new_tensor(values).view(3, 1, 1) for values in (RECIPE.mean, RECIPE.std))
    return photos.mul(std).add(mean)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside `path` and put it there in one step, so that no reader or crash sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        write(partial)
        partial.chmod(0o644)  # safetensors makes its files unreadable to other users, such as the web server's.
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _epoch_seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])
