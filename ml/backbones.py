"""The networks a recipe may name. Cheap to import: torch is loaded only when a network is built.

A new one is one entry in BACKBONES: how to build it, which layers may be read and their channels, which parameters
are its classifier (never needed for an embedding), and where its ImageNet weights are published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Backbone:
    """A network and the facts about it that a recipe needs."""

    build: Callable[[], nn.Module]
    """A freshly, randomly initialised network in training mode, as its paper prescribes."""
    channels: Mapping[str, int]
    """The layers an embedding can be read from, by module name, and the channels of each."""
    head: str
    """The module that classifies; its parameters are dropped from a checkpoint."""
    imagenet_url: str
    """Published weights; the name ends in the first digits of the file's SHA-256, as torch.hub wants it."""


def _torchvision(name: str) -> nn.Module:
    from torchvision.models import get_model

    network: nn.Module = get_model(name, weights=None)
    return network


# V1 of the weights, not V2: V2's label smoothing and mixup raise ImageNet accuracy but harm features that are used
# as they are (Kornblith et al. 2019, "Do Better ImageNet Models Transfer Better?").
BACKBONES: Mapping[str, Backbone] = {
    "resnet50": Backbone(
        build=partial(_torchvision, "resnet50"),
        channels={"layer3": 1024, "layer4": 2048},
        head="fc",
        imagenet_url="https://download.pytorch.org/models/resnet50-0676ba61.pth",
    ),
    "resnet18": Backbone(
        build=partial(_torchvision, "resnet18"),
        channels={"layer3": 256, "layer4": 512},
        head="fc",
        imagenet_url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
    ),
}
