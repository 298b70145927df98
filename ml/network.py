"""A recipe's network as one torch module, from bytes to pooled features. Every runtime runs this module."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from ml.backbones import BACKBONES
from ml.recipes import Recipe
from ml.torch_lock import alone
from ml.weights import load_network

# The p of generalised-mean pooling. Training converges to it in the paper, and it is the usual choice untrained.
GEM_P = 3.0


class PhotoNetwork(nn.Module):
    """Maps photos (n, size, size, 3) uint8 -> features (n, channels) float32.

    A dense one maps photos (n, height, width, 3) -> the features of each place, (n, rows, columns, channels).

    Scaling and normalising are part of the network, so that a photo travels to it as bytes, a quarter of its floats.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, recipe: Recipe, dense: bool = False) -> None:
        """`backbone` maps (n, 3, size, size) to {"features": maps or vectors}."""
        super().__init__()
        self.backbone = backbone
        self.pool = _places if dense else POOLINGS[recipe.pooling]
        self.register_buffer("mean", torch.tensor(recipe.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(recipe.std).view(3, 1, 1))

    def forward(self, photos: Tensor) -> Tensor:
        # The bytes of one pixel lie side by side, so after permute the layout is channels_last, the fast one.
        pixels = photos.permute(0, 3, 1, 2).float().div(255)
        features: Tensor = self.backbone(pixels.sub(self.mean).div(self.std))["features"]
        return (features if features.ndim == 2 else self.pool(features)).float()


def build(recipe: Recipe, dense: bool = False) -> PhotoNetwork:
    """The recipe's network with its weights, in float32 on the CPU, in eval mode. Raises WeightsError.

    A dense network does not pool: it is for recipes whose map can be read (Recipe.has_map).
    """
    module = BACKBONES[recipe.backbone].module(recipe.layer)
    network = load_network(recipe)
    with alone():
        extractor = create_feature_extractor(network, {module: "features"})
    return PhotoNetwork(extractor, recipe, dense).eval()


def gem(features: Tensor) -> Tensor:
    """The generalised mean, between average and maximum (Radenović et al. 2018, equation 2)."""
    return features.clamp(min=1e-6).pow(GEM_P).mean((2, 3)).pow(1 / GEM_P)


def _places(features: Tensor) -> Tensor:
    """(n, channels, rows, columns) -> (n, rows, columns, channels): a place's features lie side by side."""
    return features.permute(0, 2, 3, 1).contiguous()


POOLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "avg": lambda features: features.mean((2, 3)),
    "max": lambda features: features.amax((2, 3)),
    "gem": gem,
}
