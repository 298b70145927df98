"""Recipes: one value that says how a vector was made."""

import hashlib
import json

import pytest

from ml.recipes import OPTIONS, Recipe, WeightsError, make_recipe


def test_the_default_is_the_pooled_layer_of_resnet50_on_the_whole_photo():
    recipe = make_recipe("imagenet")
    assert recipe == Recipe(backbone="resnet50", weights="imagenet", layer="layer4", pooling="avg", fit="pad")
    assert (recipe.dimensions, recipe.input_size, recipe.weights_sha256) == (2048, 224, "")


def test_the_first_choice_is_the_default():
    first = {name: next(iter(option.choices)) for name, option in OPTIONS.items() if option.choices}
    assert {
        "backbone": "resnet50",
        "pooling": "avg",
        "fit": "pad",
        "interpolation": "bilinear",
    }.items() <= first.items()
    assert {name: getattr(Recipe(), name) for name in first} == first


@pytest.mark.parametrize(
    ("backbone", "weights", "name"),
    [
        ("resnet50", "imagenet", "resnet50-imagenet"),
        ("resnet50", "random", "resnet50-random"),
        ("resnet50", "/models/Shoes_v2 (final).pth", "resnet50-shoes-v2-final"),
        ("resnet50", "/models/resnet50-caltech101.pth", "resnet50-caltech101"),
        ("resnet18", "/models/resnet18.pth", "resnet18"),
    ],
)
def test_the_name_is_a_slug_of_backbone_and_weights(backbone, weights, name):
    assert Recipe(backbone=backbone, weights=weights).name == name


def test_a_recipe_survives_json():
    recipe = Recipe(backbone="resnet18", weights="random", layer="layer3", fit="crop", interpolation="bicubic")
    assert Recipe.from_dict(json.loads(json.dumps(recipe.as_dict()))) == recipe
    assert recipe.dimensions == 256


def test_a_recipe_that_is_only_half_understood_is_refused():
    data = Recipe().as_dict()
    with pytest.raises(TypeError):
        Recipe.from_dict(data | {"rotation": 90})
    with pytest.raises(ValueError, match="unknown backbone 'vgg99'"):
        Recipe.from_dict(data | {"backbone": "vgg99"})
    with pytest.raises(ValueError, match="unknown fit 'stretch': choose from pad, crop, squash"):
        Recipe.from_dict(data | {"fit": "stretch"})
    with pytest.raises(ValueError, match="input_size 16 is not between 32 and 1024"):
        Recipe.from_dict(data | {"input_size": 16})
    with pytest.raises(ValueError, match="unknown pooling 'sum'"):
        Recipe.from_dict(data | {"pooling": "sum"})


def test_a_backbone_brings_its_own_layer_and_input_size():
    assert make_recipe("imagenet", "vgg16") == Recipe("vgg16", "imagenet", layer="fc1")
    assert make_recipe("random", "autoencoder") == Recipe("autoencoder", "random", layer="bottleneck", input_size=128)
    assert make_recipe("random", "vgg16", layer="pool5", input_size=160).input_size == 160


def test_a_projection_decides_the_dimensions():
    assert Recipe(pca=64, projection_sha256="ab").dimensions == 64


def test_a_recipe_stored_before_maps_were_learned_still_loads():
    stored = Recipe(pca=64, projection_sha256="ab").as_dict()
    del stored["learn"]
    assert Recipe.from_dict(stored) == Recipe(pca=64, projection_sha256="ab")
    assert Recipe(pca=64, learn="name", projection_sha256="ab").network == Recipe().network


def test_an_autoencoder_has_no_imagenet_weights():
    with pytest.raises(WeightsError, match="there are no ImageNet weights of autoencoder: give the path"):
        make_recipe("imagenet", "autoencoder")


def test_a_path_to_weights_is_made_absolute_and_its_hash_taken(tmp_path, monkeypatch):
    (tmp_path / "shop.pth").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    recipe = make_recipe("shop.pth")
    assert recipe.weights == str(tmp_path / "shop.pth")
    assert recipe.weights_sha256 == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("weights", ["", "no/such.pth", "imagnet"])
def test_a_path_to_nothing_is_refused_with_the_ways_out(weights):
    with pytest.raises(WeightsError, match=r"'imagenet', or give the path .*, or 'random'") as caught:
        make_recipe(weights)
    assert repr(weights) in str(caught.value)
