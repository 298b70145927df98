"""A recipe's network as one torch module, from bytes to pooled features. Every runtime runs this module."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pixel_unshuffle
from torchvision.models.feature_extraction import create_feature_extractor

from ml.backbones import BACKBONES, FINER, MOST_DETAILS
from ml.recipes import Recipe
from ml.torch_lock import alone
from ml.weights import load_network

# The p of generalised-mean pooling. Training converges to it in the paper, and it is the usual choice untrained.
GEM_P = 3.0


class PhotoNetwork(nn.Module):
    """Maps photos (n, size, size, 3) uint8 -> features (n, channels) float32.

    A dense one maps photos (n, height, width, 3) -> the features of each place, (n, rows, columns, channels), and
    behind them those of the places of a finer map within it (Recipe.detail_channels).

    Scaling and normalising are part of the network, so that a photo travels to it as bytes, a quarter of its floats.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, recipe: Recipe, dense: bool = False) -> None:
        """`backbone` maps (n, 3, size, size) to {"features": maps or vectors}, and to "details", if there are."""
        super().__init__()
        self.backbone = backbone
        self.pool = _Places(BACKBONES[recipe.backbone].detail_channels) if dense else POOLINGS[recipe.pooling]
        self.register_buffer("mean", torch.tensor(recipe.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(recipe.std).view(3, 1, 1))

    def forward(self, photos: Tensor) -> Tensor:
        # The bytes of one pixel lie side by side, so after permute the layout is channels_last, the fast one.
        pixels = photos.permute(0, 3, 1, 2).float().div(255)
        maps: dict[str, Tensor] = self.backbone(pixels.sub(self.mean).div(self.std))
        features, details = maps["features"], (maps["details"],) if "details" in maps else ()
        return (features if features.ndim == 2 else self.pool(features, *details)).float()


def build(recipe: Recipe, dense: bool = False) -> PhotoNetwork:
    """The recipe's network with its weights, in float32 on the CPU, in eval mode. Raises WeightsError.

    A dense network does not pool: it is for recipes whose map can be read (Recipe.has_map).
    """
    backbone = BACKBONES[recipe.backbone]
    module = backbone.module(recipe.layer)
    read = {module: "features"}
    if dense and recipe.detail_channels:
        read[backbone.details] = "details"
    network = load_network(recipe)
    with alone():
        extractor = create_feature_extractor(network, read)
    return PhotoNetwork(extractor, recipe, dense).eval()


def gem(features: Tensor) -> Tensor:
    """The generalised mean, between average and maximum (Radenović et al. 2018, equation 2)."""
    return features.clamp(min=1e-6).pow(GEM_P).mean((2, 3)).pow(1 / GEM_P)


class _Places(nn.Module):
    """Maps (n, channels, rows, columns), and maybe finer ones, -> (n, rows, columns, channels)."""

    mixture: Tensor

    def __init__(self, detail_channels: int) -> None:
        super().__init__()
        self.mixes = detail_channels > MOST_DETAILS
        shape = (MOST_DETAILS, detail_channels, 1, 1) if self.mixes else (0,)
        # The oldest of numpy's generators gives the same numbers for ever: detectors depend on them.
        mixture = np.random.RandomState(0).standard_normal(shape) / MOST_DETAILS**0.5
        self.register_buffer("mixture", torch.tensor(mixture, dtype=torch.float32))

    def forward(self, features: Tensor, details: Tensor | None = None) -> Tensor:
        if details is not None:
            if self.mixes:
                details = conv2d(details, self.mixture)
            size = [FINER * features.shape[2], FINER * features.shape[3]]
            features = torch.cat([features, pixel_unshuffle(interpolate(details, size), FINER)], 1)
        return features.permute(0, 2, 3, 1).contiguous()


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "avg": lambda features: features.mean((2, 3)),
    "max": lambda features: features.amax((2, 3)),
    "gem": gem,
}
