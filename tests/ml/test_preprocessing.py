"""From a photo of any shape to the square that a network sees."""

import numpy as np
import pytest
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

from ml.preprocessing import preprocess
from ml.recipes import Recipe
from tests.ml.photos import SMALL, gradient


@pytest.mark.parametrize("size", [(500, 500), (640, 427), (301, 999), (100, 80)])
@pytest.mark.parametrize("mode", [InterpolationMode.BILINEAR, InterpolationMode.BICUBIC])
def test_crop_equals_torchvisions_evaluation_transform_exactly(size, mode):
    reference = transforms.Compose(
        [
            transforms.Resize(256, interpolation=mode),
            transforms.CenterCrop(224),
            transforms.PILToTensor(),
        ]
    )
    photo = gradient(*size)
    recipe = Recipe(weights="random", fit="crop", interpolation=mode.value)
    assert np.array_equal(preprocess(photo, recipe), reference(photo).permute(1, 2, 0))


def test_pad_keeps_the_head_and_foot_of_a_tall_lamp_and_fills_with_white():
    lamp = Image.new("RGB", (100, 400), (0, 0, 0))
    lamp.paste((255, 0, 0), (0, 0, 100, 40))
    lamp.paste((0, 0, 255), (0, 360, 100, 400))
    pixels = preprocess(lamp, Recipe(weights="random"))
    assert pixels.shape == (224, 224, 3)
    assert pixels[5, 112].tolist() == [255, 0, 0]
    assert pixels[218, 112].tolist() == [0, 0, 255]
    assert pixels[112, [0, 83, 140, 223]].tolist() == [[255] * 3] * 4
    assert pixels[112, [84, 139]].tolist() == [[0] * 3] * 2


def test_squash_shows_the_whole_photo_with_its_sides_made_equal():
    photo = gradient(300, 100)
    recipe = Recipe(weights="random", fit="squash", input_size=100)
    expected = np.asarray(photo.resize((100, 100), Image.Resampling.BILINEAR))
    assert np.array_equal(preprocess(photo, recipe), expected)


def test_only_rgb_is_preprocessed():
    with pytest.raises(ValueError, match="the image is L, not RGB"):
        preprocess(Image.new("L", (50, 50)), SMALL)
