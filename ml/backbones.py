"""The networks a recipe may name. Importing this is cheap: torch is loaded only when a network is built.

A new network is one entry in BACKBONES. The entry says how to build it, which layer is read unless a recipe says
otherwise, which module is its classifier (no embedding needs it), and where its ImageNet weights are published, if
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING

from ml.torch_lock import alone

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Backbone:
    """A network and the facts about it that a recipe needs."""

    build: Callable[[], nn.Module]
    """Makes a network in training mode, initialised at random as its paper prescribes."""
    layer: str
    """The layer an embedding is read from by default: a module's name, or an alias."""
    head: str
    """The module that classifies, or decodes; its parameters are dropped from a checkpoint."""
    imagenet_url: str = ""
    """Where published weights lie; the name ends in the first digits of the file's SHA-256, as torch.hub wants it."""
    input_size: int = 224
    """The side of the square that the network was trained on, in pixels."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The literature's names of layers, and the modules they stand for."""

    def module(self, layer: str) -> str:
        """The name of the module that a layer's name or alias stands for."""
        return self.aliases.get(layer, layer)


def _torchvision(name: str) -> nn.Module:
    from torchvision.models import get_model

    network: nn.Module = get_model(name, weights=None)
    return network


def _autoencoder() -> nn.Module:
    from ml.autoencoder import Autoencoder

    return Autoencoder()


# The weights are V1, not V2: V2's label smoothing and mixup raise ImageNet accuracy but harm features that are used
# as they are (Kornblith et al. 2019, "Do Better ImageNet Models Transfer Better?").
BACKBONES: Mapping[str, Backbone] = {
    "resnet50": Backbone(
        build=partial(_torchvision, "resnet50"),
        layer="layer4",
        head="fc",
        imagenet_url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
    ),
    "resnet18": Backbone(
        build=partial(_torchvision, "resnet18"),
        layer="layer4",
        head="fc",
        imagenet_url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
    ),
    "vgg16": Backbone(
        build=partial(_torchvision, "vgg16"),
        layer="fc1",
        head="classifier.6",
        imagenet_url="https://download.pytorch.org/models/vgg16-397923af.pth",
        # fc1 and fc2 are read after their ReLU, as Keras and the retrieval literature do.
        aliases={"fc1": "classifier.1", "fc2": "classifier.4", "pool5": "features"},
    ),
    "autoencoder": Backbone(build=_autoencoder, layer="bottleneck", head="decoder", input_size=128),
}


@lru_cache(maxsize=64)
def output_channels(backbone: str, layer: str, input_size: int) -> int:
    """The length of a photo's vector, pooled from this layer. Tracing on the meta device computes nothing.

    Raises ValueError when the backbone has no such layer, or one that gives neither a map nor a vector a photo.
    """
    import torch
    from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

    entry = BACKBONES[backbone]
    with alone(), torch.device("meta"):
        network = entry.build().eval()
        names = get_graph_node_names(network)[1]
        module = entry.module(layer)
        if _within(module, entry.head):
            raise ValueError(f"{backbone}'s layer {layer!r} is its head, which is not kept: choose {entry.layer}")
        if not any(_within(name, module) for name in names):
            modules = dict.fromkeys(part for name in names for part in accumulate(name.split("."), "{}.{}".format))
            known = [*entry.aliases, *get_close_matches(module, modules, n=4, cutoff=0.5)]
            raise ValueError(f"{backbone} has no layer {layer!r}: did you mean {', '.join(known) or entry.layer}?")
        extractor = create_feature_extractor(network, {module: "features"})
        try:
            features = extractor(torch.empty(1, 3, input_size, input_size))["features"]
        except RuntimeError as error:  # The layer's maps shrink to nothing.
            raise ValueError(f"{backbone} cannot see photos of {input_size} pixels: {error}") from error
    shape = tuple(features.shape) if isinstance(features, torch.Tensor) else ()
    if len(shape) not in (2, 4):
        raise ValueError(
            f"{backbone}'s layer {layer!r} gives {shape}, neither a map (n, channels, height, width) "
            "nor a vector (n, channels): choose another layer"
        )
    return int(shape[1])


def _within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")
