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
    ],
)
def test_any_layer_by_name_or_alias_knows_its_dimensions(backbone, layer, dimensions):
    assert Recipe(backbone, "random", layer=layer).dimensions == dimensions


def test_a_layer_that_is_not_there_is_refused_with_those_like_it():
    with pytest.raises(ValueError, match=r"resnet50 has no layer 'layer5': did you mean .*layer4"):
        Recipe(layer="layer5").dimensions  # noqa: B018
    with pytest.raises(ValueError, match=r"vgg16 has no layer 'conv9_1': did you mean fc1, fc2, pool5\?"):
        Recipe("vgg16", layer="conv9_1").dimensions  # noqa: B018


def test_the_head_is_no_layer_to_read():
    with pytest.raises(ValueError, match="resnet50's layer 'fc' is its head, which is not kept: choose layer4"):
        Recipe(layer="fc").dimensions  # noqa: B018
