"""Which layer is read, and how its maps become a vector, in either runtime."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import to_tensor

from ml.backbones import BACKBONES, MOST_DETAILS
from ml.encoder import Encoder
from ml.network import gem
from ml.recipes import Recipe, make_recipe
from ml.weights import load_network
from tests.ml.photos import both_runtimes, chair, gradient, normalised


@both_runtimes
@pytest.mark.parametrize("layer", ["layer3", "layer4"])
@pytest.mark.parametrize("pooling", ["avg", "max", "gem"])
def test_layer_and_pooling_follow_the_recipe(layer, pooling, runtime):
    recipe = Recipe(backbone="resnet18", weights="random", layer=layer, pooling=pooling)
    photo = gradient(64, 64)
    maps = create_feature_extractor(load_network(recipe), {layer: "maps"})
    with torch.inference_mode():
        [features] = maps(normalised(photo, recipe))["maps"].flatten(2)
    expected = {
        "avg": features.mean(1),
        "max": features.amax(1),
        "gem": features.clamp(min=1e-6).pow(3).mean(1).pow(1 / 3),
    }[pooling]
    [vector] = Encoder(recipe, "cpu", runtime=runtime).encode([photo])
    assert vector.shape == (recipe.dimensions,)
    assert vector @ torch.nn.functional.normalize(expected, dim=0).numpy() >= 0.999


def test_gem_pooling_is_the_generalised_mean_of_the_map():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 0.0]]]])
    assert gem(features).item() == pytest.approx(((1 + 8 + 27) / 4) ** (1 / 3), rel=1e-5)


@both_runtimes
def test_vgg16s_fc1_is_read_after_its_relu_and_keeps_its_length_for_l2(runtime):
    recipe = make_recipe("random", "vgg16", normalize=False)
    network = load_network(recipe)
    photo = chair("brown")
    [vector] = Encoder(recipe, "cpu", runtime=runtime).encode([photo])
    children: Any = network
    with torch.inference_mode():
        maps = children.avgpool(children.features(normalised(photo, recipe)))
        expected = torch.relu(children.classifier[0](maps.flatten(1)))[0].numpy()
    assert vector.shape == (4096,)
    assert vector == pytest.approx(expected, abs=float(expected.max()) * {"torch": 1e-5, "openvino": 0.02}[runtime])
    assert np.linalg.norm(vector) != pytest.approx(1, abs=0.01)


@both_runtimes
@pytest.mark.parametrize("size", [(64, 64), (64, 96), (160, 128)])
def test_the_mean_over_the_places_of_a_map_is_the_vector(size, runtime):
    recipe = Recipe(backbone="resnet18", weights="random", input_size=64)
    encoder = Encoder(recipe, "cpu", runtime=runtime)
    photo = gradient(*size)
    places = encoder.places(np.asarray(photo))
    assert places.shape == (size[1] // 32, size[0] // 32, 512)
    network = create_feature_extractor(load_network(recipe), {"layer4": "map"})
    pixels = (to_tensor(photo) - torch.tensor(recipe.mean)[:, None, None]) / torch.tensor(recipe.std)[:, None, None]
    with torch.inference_mode():
        features = network(pixels[None])["map"].mean((2, 3)).numpy()
    [vector] = encoder.finish(features)
    [mean] = encoder.finish(places.mean((0, 1))[None])
    assert vector @ mean >= 0.9995


@both_runtimes
@pytest.mark.parametrize(("backbone", "channels"), [("resnet18", 512), ("efficientnet_lite0", 448), ("vgg16", 512)])
def test_the_details_of_a_place_are_the_four_places_of_the_finer_map_within_it(backbone, channels, runtime):
    recipe = make_recipe("random", backbone, input_size=64, **({"layer": "features"} if backbone == "vgg16" else {}))
    encoder = Encoder(recipe, "cpu", runtime=runtime)
    whole, details = encoder.detailed_places(np.asarray(gradient(96, 64)))
    assert recipe.detail_channels == channels
    assert (whole.shape[:2], details.shape) == ((2, 3), (2, 3, channels))
    network = create_feature_extractor(load_network(recipe), {BACKBONES[backbone].details: "map"})
    mean, std = (torch.tensor(numbers)[:, None, None] for numbers in (recipe.mean, recipe.std))
    pixels = (to_tensor(gradient(96, 64)) - mean) / std
    with torch.inference_mode():
        finer = network(pixels[None])["map"][0].permute(1, 2, 0).numpy()
    assert finer.shape[:2] == (4, 6)
    blocks = finer.reshape(2, 2, 3, 2, -1).transpose(0, 2, 1, 3, 4).reshape(6, -1)
    # Mixtures keep distances nearly, and the very features keep them exactly.
    near = 0.35 if BACKBONES[backbone].detail_channels > MOST_DETAILS else 0.05
    own, expected = (pdist(rows) for rows in (details.reshape(6, -1), blocks))
    assert own == pytest.approx(expected, rel=near)


@pytest.mark.parametrize(
    ("backbone", "layer"),
    [
        ("resnet50", "conv4_x"),
        ("resnet50", "layer3.5"),
        ("resnet50", "layer1"),
        ("vgg16", "fc1"),
        ("vgg16", "conv5_3"),
        ("efficientnet_lite2", "blocks.14"),
        ("efficientnet_lite0", "blocks.10"),
        ("autoencoder", "bottleneck"),
    ],
)
def test_a_layer_that_is_as_fine_as_the_details_has_none(backbone, layer):
    assert make_recipe("random", backbone, layer=layer).detail_channels == 0


@pytest.mark.parametrize(
    ("backbone", "layer"),
    [("resnet18", "layer4.0"), ("efficientnet_lite2", "blocks.15"), ("efficientnet_lite0", "blocks.11")],
)
def test_a_layer_of_half_the_resolution_has_details(backbone, layer):
    encoder = Encoder(make_recipe("random", backbone, layer=layer, input_size=64), "cpu", runtime="torch")
    places, details = encoder.detailed_places(np.asarray(gradient(96, 64)))
    assert places.shape[:2] == details.shape[:2] == (2, 3)
    assert details.shape[2] == encoder.recipe.detail_channels > 0


@pytest.mark.parametrize(
    ("backbone", "fields", "expected"),
    [
        ("resnet50", {}, True),
        ("resnet50", {"layer": "conv4_x"}, True),
        ("resnet50", {"pooling": "gem"}, False),
        ("efficientnet_lite2", {}, True),
        ("vgg16", {}, False),
        ("vgg16", {"layer": "pool5"}, True),
        ("autoencoder", {}, False),
    ],
)
def test_a_recipe_says_whether_its_map_can_be_read(backbone, fields, expected):
    assert make_recipe("random", backbone, **fields).has_map is expected
