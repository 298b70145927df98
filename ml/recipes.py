"""A recipe: everything that turns a photo into one particular vector, as one value.

Backbone, weights, layer, pooling and preprocessing travel together, so a checkpoint can never meet the wrong
preprocessing. Recipes are stored as JSON beside the vectors they made. Nothing here imports torch.
"""

import hashlib
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

from ml.backbones import BACKBONES

IMAGENET = "imagenet"
RANDOM = "random"
WAYS_OUT = f"give the path of a state dict (.pth or .safetensors) instead, or {RANDOM!r} for an untrained network"
CHOICES = {"pooling": ("avg", "max"), "fit": ("pad", "crop"), "interpolation": ("bilinear", "bicubic")}


class WeightsError(Exception):
    """Weights are missing, damaged or do not fit the backbone. The text names the cure; retrying will not help."""


@dataclass(frozen=True)
class Recipe:
    """One way of turning photos into vectors. Hashable; equal recipes give equal vectors."""

    backbone: str = "resnet50"
    weights: str = IMAGENET
    """"imagenet", "random", or the absolute path of a state dict."""
    weights_sha256: str = ""
    """Of the weights file, 64 hex digits; empty unless `weights` is a path."""
    layer: str = "layer4"
    pooling: Literal["avg", "max"] = "avg"
    input_size: int = 224
    """Side of the square the network sees, in pixels."""
    fit: Literal["pad", "crop"] = "pad"
    """"pad" shows the whole photo on white; "crop" is torchvision's: short side to 8/7, then the centre."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise ValueError(f"unknown backbone {self.backbone!r}: choose from {', '.join(BACKBONES)}")
        layers = BACKBONES[self.backbone].channels
        if self.layer not in layers:
            raise ValueError(f"{self.backbone} has no layer {self.layer!r}: choose from {', '.join(layers)}")
        for field, choices in CHOICES.items():
            if getattr(self, field) not in choices:
                raise ValueError(f"unknown {field} {getattr(self, field)!r}: choose from {', '.join(choices)}")

    @property
    def dimensions(self) -> int:
        """The length of the vectors."""
        return BACKBONES[self.backbone].channels[self.layer]

    @property
    def name(self) -> str:
        """A slug for people, such as "resnet50-imagenet": two recipes may share it."""
        stem = Path(self.weights).stem if self.has_file else self.weights
        slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
        return f"{self.backbone}-{slug.removeprefix(self.backbone).strip('-')}".rstrip("-")

    @property
    def has_file(self) -> bool:
        """Whether the weights are a file of the owner's, named by path."""
        return self.weights not in (IMAGENET, RANDOM)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` is its inverse."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Raises TypeError on unknown fields and ValueError on unknown names: a recipe is never half understood."""
        return cls(**data | {"mean": tuple(data["mean"]), "std": tuple(data["std"])})


def default_recipe(weights: str) -> Recipe:
    """ResNet50's pooled layer, 2,048 dimensions, with "imagenet", "random" or the state dict at a path.

    Raises WeightsError when the path is no file. A file's hash is taken here, so that other bytes under the same
    name are refused later.
    """
    if weights in (IMAGENET, RANDOM):
        return Recipe(weights=weights)
    path = Path(weights).expanduser()
    if not path.is_file():
        raise WeightsError(
            f"there is no weights file at {weights!r}: correct the path, use {IMAGENET!r}, or {WAYS_OUT}"
        )
    return Recipe(weights=str(path.resolve()), weights_sha256=sha256_of(path))


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
