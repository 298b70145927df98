import numpy as np
import pytest
from PIL import Image

from ml.encoder import Encoder
from ml.feature_scaling import unit
from ml.imagenet_labels import labels_of
from ml.recipes import make_recipe
from tests.small_shop import DEMO


@pytest.fixture(scope="module")
def lite():
    return make_recipe("imagenet", "efficientnet_lite0")


@pytest.mark.parametrize(
    ("sku", "label"), [("BED-016", "four-poster"), ("CHA-007", "rocking chair"), ("LAM-011", "table lamp")]
)
def test_a_product_is_taken_for_what_it_is(lite, sku, label):
    labels = labels_of(lite)
    assert labels
    photo = Image.open(DEMO / "catalog" / "photos" / f"{sku}-1.webp").convert("RGB")
    shown = labels.likeliest(Encoder(lite, "cpu").encode([photo]))
    assert label in shown
    assert list(shown.values()) == sorted(shown.values(), reverse=True)


def test_the_probabilities_add_up_to_one(lite):
    labels = labels_of(lite)
    assert labels
    assert len(labels.names) == 1000
    vectors = unit(np.random.default_rng(0).standard_normal((3, lite.dimensions)).astype(np.float32))
    assert labels.probabilities(vectors).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


@pytest.mark.parametrize(
    "fields", [{"weights": "random"}, {"pooling": "gem"}, {"layer": "blocks.3"}], ids=lambda fields: next(iter(fields))
)
def test_vectors_that_the_head_was_not_trained_on_tell_no_labels(fields):
    weights = fields.pop("weights", "imagenet")
    assert labels_of(make_recipe(weights, "efficientnet_lite0", **fields)) is None
    assert labels_of(make_recipe("imagenet", "vgg16")) is None
    assert labels_of(make_recipe("random", "autoencoder")) is None
