"""A recipe: everything that turns a photo into one particular vector, as one value.

Backbone, weights, layer, pooling, preprocessing and projection travel together, so a checkpoint never meets the wrong
preprocessing. Recipes are stored as JSON beside the vectors that they made. Importing this imports no torch.
"""

import hashlib
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin, get_type_hints

from ml.backbones import BACKBONES, FINER, MOST_DETAILS, output_channels

IMAGENET = "imagenet"
RANDOM = "random"
WAYS_OUT = f"give the path of a state dict (.pth or .safetensors) instead, or {RANDOM!r} for an untrained network"
# A smaller photo is a smudge; a larger one takes minutes and gigabytes.
INPUT_SIZES = range(32, 1025)


class WeightsError(Exception):
    """Weights are missing, damaged or do not fit the backbone. The text names the cure; retrying will not help."""


@dataclass(frozen=True)
class Option:
    """A field of a recipe that a person may choose. The command and the admin's form are built from these."""

    help: str
    """For --help: it begins in lower case and ends without a full stop."""
    kind: type = str
    """str, int or bool: the type of the field."""
    choices: Collection[str] = ()
    """The first is the field's default."""
    least: int | None = None
    most: int | None = None
    label: str = ""
    """What the form calls the field, where its name will not do."""
    derived: bool = False
    """Whether it is chosen for a projection of stored vectors, not for a recipe of its own."""


@dataclass(frozen=True)
class Recipe:
    """One way of turning photos into vectors. Hashable; equal recipes give equal vectors.

    Fields without an Option follow from the others.
    """

    backbone: Annotated[str, Option("the network", choices=BACKBONES)] = "resnet50"
    weights: Annotated[str, Option("the path of a state dict on the server, or imagenet, or random")] = IMAGENET
    """A path is absolute."""
    weights_sha256: str = ""
    """The hash of the weights file, 64 hex digits; empty unless `weights` is a path."""
    layer: Annotated[
        str, Option("the layer that is read: any module by name, or the literature's name such as fc1, pool5")
    ] = "layer4"
    pooling: Annotated[
        Literal["avg", "max", "gem"],
        Option("how the layer's maps become one number a channel; gem lies between avg and max"),
    ] = "avg"
    """"gem" is the generalised mean with p = 3 (Radenović et al. 2018, "Fine-tuning CNN Image Retrieval with No Human
    Annotation"). A layer that gives vectors is not pooled."""
    input_size: Annotated[
        int,
        Option("the side of the square that the network sees, in pixels", least=INPUT_SIZES[0], most=INPUT_SIZES[-1]),
    ] = 224
    fit: Annotated[
        Literal["pad", "crop", "squash"],
        Option("how a photo becomes that square: whole on white, its centre, or whole with its sides made equal"),
    ] = "pad"
    """"crop" is torchvision's: the short side to 8/7, then the centre."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    interpolation: Annotated[Literal["bilinear", "bicubic"], Option("how a photo is scaled")] = "bilinear"
    normalize: bool = True
    """Whether vectors have length 1. L2 between vectors of length 1 ranks as cosine does."""
    pca: Annotated[
        int, Option("how many components to keep, such as 256", least=1, label="PCA components", derived=True)
    ] = 0
    """0: there is no projection."""
    whiten: Annotated[bool, Option("scale the components to equal variance", derived=True)] = False
    learn: Annotated[
        str,
        Option(
            "a column, name or an attribute, whose values name families: the map that brings them together is learned",
            label="learn families from",
            derived=True,
        ),
    ] = ""
    """Empty: the projection is PCA. Otherwise it is learned (ml.learned_projection), and sets its own scales."""
    projection_sha256: str = ""
    """The hash of the fitted projection (ml.projection), 64 hex digits; empty without one."""

    def __post_init__(self) -> None:
        for name, option in OPTIONS.items():
            if option.choices and getattr(self, name) not in option.choices:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: choose from {', '.join(option.choices)}")
        if self.input_size not in INPUT_SIZES:
            raise ValueError(f"input_size {self.input_size} is not between {INPUT_SIZES[0]} and {INPUT_SIZES[-1]}")

    @property
    def dimensions(self) -> int:
        """The length of the vectors. Imports torch, unless there is a projection.

        Raises ValueError when the backbone has no such layer, or one that cannot be pooled.
        """
        return self.pca or output_channels(self.backbone, self.layer, self.input_size)

    @property
    def name(self) -> str:
        """A slug for people, such as "resnet50-imagenet". Two recipes may share it."""
        stem = Path(self.weights).stem if self.has_file else self.weights
        slug = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")
        return f"{self.backbone}-{slug.removeprefix(self.backbone).strip('-')}".rstrip("-")

    @property
    def has_file(self) -> bool:
        """Whether the weights are a file of the shop's own, named by its path."""
        return self.weights not in (IMAGENET, RANDOM)

    @property
    def network(self) -> Self:
        """The recipe of the network alone. It is equal for recipes that differ only before and after the network."""
        plain = replace(self, fit="pad", interpolation="bilinear", normalize=True)
        return replace(plain, pca=0, whiten=False, learn="", projection_sha256="")

    @property
    def has_map(self) -> bool:
        """Whether a vector is the mean over the places of a map, so that any region's vector can be read from it."""
        return self.pooling == "avg" and BACKBONES[self.backbone].has_map(self.layer)

    @property
    def detail_channels(self) -> int:
        """How many channels of the dense network, the last ones, are of a finer map; 0 where it has none."""
        backbone = BACKBONES[self.backbone]
        if not self.has_map or not backbone.has_details(self.layer):
            return 0
        return FINER**2 * min(MOST_DETAILS, backbone.detail_channels)

    def has_weights_of(self, other: Self) -> bool:
        """Whether backbone and weights are the same; paths may differ."""
        own, others = ((recipe.backbone, recipe.weights_sha256 or recipe.weights) for recipe in (self, other))
        return own == others

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` is its inverse."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Raises TypeError on unknown fields and ValueError on unknown names: a recipe is never half understood."""
        return cls(**data | {"mean": tuple(data["mean"]), "std": tuple(data["std"])})


def _option(kind: Any, option: Option) -> Option:
    return replace(option, choices=get_args(kind)) if get_origin(kind) is Literal else replace(option, kind=kind)


OPTIONS = {
    name: _option(*get_args(hint))
    for name, hint in get_type_hints(Recipe, include_extras=True).items()
    if get_origin(hint) is Annotated
}


def make_recipe(weights: str, backbone: str = "resnet50", **fields: Any) -> Recipe:
    """The recipe of a backbone, ResNet50 by default, with "imagenet", "random" or the state dict at a path.

    Layer, input size and preprocessing are the backbone's own unless `fields`, any of a Recipe's, say otherwise. A
    file's hash is taken here, so that other bytes under the same name are refused later. Raises ValueError on unknown
    names and WeightsError when the path is no file.
    """
    if backbone not in BACKBONES:
        raise ValueError(f"unknown backbone {backbone!r}: choose from {', '.join(BACKBONES)}")
    entry = BACKBONES[backbone]
    own = {name: getattr(entry, name) for name in ("layer", "input_size", "mean", "std", "interpolation")}
    fields = own | fields
    if weights == IMAGENET and not entry.imagenet:
        raise WeightsError(f"there are no ImageNet weights of {backbone}: {WAYS_OUT}")
    if weights in (IMAGENET, RANDOM):
        return Recipe(backbone, weights, **fields)
    try:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise WeightsError(
                f"there is no weights file at {weights!r}: correct the path, use {IMAGENET!r}, or {WAYS_OUT}"
            )
        resolved, digest = str(path.resolve()), sha256_of(path)
    except (OSError, RuntimeError) as error:  # A name too long, a user who is not there, a file that may not be read.
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(f"the weights at {weights[:200]!r} cannot be read ({reason}): {WAYS_OUT}") from error
    return Recipe(backbone, resolved, digest, **fields)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
