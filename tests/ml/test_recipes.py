"""Recipes: one value that says how a vector was made."""

import hashlib
import json

import pytest

from ml.recipes import Recipe, WeightsError, default_recipe


def test_the_default_is_the_pooled_layer_of_resnet50_on_the_whole_photo():
    recipe = default_recipe("imagenet")
    assert recipe == Recipe(backbone="resnet50", weights="imagenet", layer="layer4", pooling="avg", fit="pad")
    assert (recipe.dimensions, recipe.input_size, recipe.weights_sha256) == (2048, 224, "")


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
    with pytest.raises(ValueError, match="resnet50 has no layer 'fc'"):
        Recipe.from_dict(data | {"layer": "fc"})
    with pytest.raises(ValueError, match="unknown pooling 'sum'"):
        Recipe.from_dict(data | {"pooling": "sum"})


def test_a_path_to_weights_is_made_absolute_and_its_hash_taken(tmp_path, monkeypatch):
    (tmp_path / "shop.pth").write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    recipe = default_recipe("shop.pth")
    assert recipe.weights == str(tmp_path / "shop.pth")
    assert recipe.weights_sha256 == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("weights", ["", "no/such.pth", "imagnet"])
def test_a_path_to_nothing_is_refused_with_the_ways_out(weights):
    with pytest.raises(WeightsError, match=r"'imagenet', or give the path .*, or 'random'") as caught:
        default_recipe(weights)
    assert repr(weights) in str(caught.value)
