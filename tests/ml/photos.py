"""Photos and recipes that several tests share: of a small untrained network, and of one that sees."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision import transforms

from ml.preprocessing import preprocess
from ml.recipes import Recipe, make_recipe

SMALL = Recipe(backbone="resnet18", weights="random")
LITE = make_recipe("imagenet", "efficientnet_lite0")
DEMO = Path(__file__).resolve().parents[2] / "demo"
DEMO_PHOTOS = DEMO / "catalog" / "photos"
both_runtimes = pytest.mark.parametrize("runtime", ["torch", "openvino"])


def gradient(width: int, height: int) -> Image.Image:
    bands = [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.linear_gradient("L").rotate(90)]
    return Image.merge("RGB", bands).resize((width, height))


def chair(colour, background=(255, 255, 255), size=(300, 400)) -> Image.Image:
    photo = Image.new("RGB", size, background)
    photo.paste(colour, (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4))
    return photo


def normalised(photo: Image.Image, recipe: Recipe) -> torch.Tensor:
    """(1, 3, size, size), as torchvision would feed it."""
    to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize(recipe.mean, recipe.std)])
    return to_tensor(Image.fromarray(preprocess(photo, recipe)))[None]
