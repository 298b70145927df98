"""The registry of networks, and the layers that may be read."""

from collections import OrderedDict

import numpy as np
import pytest
from torch import nn

from ml.backbones import BACKBONES, Backbone
from ml.encoder import Encoder
from ml.recipes import Recipe, make_recipe
from tests.ml.photos import chair


def test_a_new_backbone_is_one_entry_in_the_registry(monkeypatch):
    def tiny() -> nn.Module:
        return nn.Sequential(OrderedDict(stem=nn.Conv2d(3, 7, 4, stride=4), act=nn.ReLU(), fc=nn.Linear(1, 1)))

    monkeypatch.setitem(BACKBONES, "tiny", Backbone(tiny, layer="act", head="fc", input_size=32))
    recipe = make_recipe("random", "tiny", pooling="gem")
    vectors = Encoder(recipe).encode([chair("brown"), chair("navy")])
    assert (vectors.shape, recipe.dimensions) == ((2, 7), 7)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("backbone", "layer", "dimensions"),
    [
        ("resnet50", "layer4", 2048),
        ("resnet50", "layer3.2.conv1", 256),
        ("resnet50", "avgpool", 2048),
        ("resnet18", "layer4", 512),
        ("vgg16", "fc1", 4096),
        ("vgg16", "classifier.0", 4096),
        ("vgg16", "pool5", 512),
        ("vgg16", "conv5_3", 512),
        ("vgg16", "fc7", 4096),
        ("resnet50", "pool5/7x7_s1", 2048),
        ("resnet18", "conv4_x", 256),
        ("efficientnet_lite0", "act_head", 1280),
        ("efficientnet_lite2", "avg_pool", 1280),
        ("efficientnet_lite2", "blocks.14", 120),
        ("autoencoder", "code", 256),
    ],
)
def test_any_layer_by_name_or_alias_knows_its_dimensions(backbone, layer, dimensions):
    assert Recipe(backbone, "random", layer=layer).dimensions == dimensions


def test_a_layer_that_is_not_there_is_refused_with_those_like_it():
    with pytest.raises(ValueError, match=r"resnet50 has no layer 'layer5': did you mean .*layer4"):
        Recipe(layer="layer5").dimensions  # noqa: B018
    with pytest.raises(ValueError, match=r"vgg16 has no layer 'conv9_1': did you mean fc1, .*, pool5\?"):
        Recipe("vgg16", layer="conv9_1").dimensions  # noqa: B018


def test_the_head_is_no_layer_to_read():
    with pytest.raises(ValueError, match="resnet50's layer 'fc' is its head, which is not kept: choose layer4"):
        Recipe(layer="fc").dimensions  # noqa: B018


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_alias_is_a_layer_that_can_be_read(backbone):
    entry = BACKBONES[backbone]
    assert entry.aliases
    for alias in entry.aliases:
        same = Recipe(backbone, "random", layer=entry.module(alias), input_size=entry.input_size)
        assert Recipe(backbone, "random", layer=alias, input_size=entry.input_size).dimensions == same.dimensions


def test_the_last_average_is_the_last_map_averaged():
    average, last = (make_recipe("random", layer=layer) for layer in ("pool5/7x7_s1", "layer4"))
    photos = [chair("brown"), chair("navy")]
    assert Encoder(average).encode(photos) == pytest.approx(Encoder(last).encode(photos), abs=1e-3)


def test_preprocessing_belongs_to_the_weights():
    lite = make_recipe("imagenet", "efficientnet_lite2")
    assert (lite.input_size, lite.interpolation) == (260, "bicubic")
    assert [round(255 * value) for value in (*lite.mean, *lite.std)] == [127] * 3 + [128] * 3
    assert make_recipe("imagenet").mean == (0.485, 0.456, 0.406)
