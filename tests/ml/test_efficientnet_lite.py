"""EfficientNet-Lite computes what the network that its weights were published with computes."""

import numpy as np
import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from ml.encoder import Encoder
from ml.images import open_photo
from ml.preprocessing import preprocess
from ml.recipes import make_recipe
from ml.weights import imagenet_path
from tests.environment import ROOT

PHOTOS = [ROOT / "demo" / "queries" / f"{sku}.webp" for sku in ("BED-017", "CHA-001", "LAM-001", "SOF-001")]


@pytest.mark.parametrize("scale", [0, 2])
def test_features_of_photos_are_those_of_the_reference(scale):
    recipe = make_recipe("imagenet", f"efficientnet_lite{scale}")
    reference = EfficientNet.from_name(f"efficientnet-lite{scale}").eval()
    reference.load_state_dict(torch.load(imagenet_path(recipe), weights_only=True))
    photos = [open_photo(path.read_bytes()) for path in PHOTOS]
    pixels = np.stack([preprocess(photo, recipe) for photo in photos]).astype(np.float32)
    with torch.inference_mode():
        maps = reference.extract_features(torch.from_numpy((pixels - 127) / 128).permute(0, 3, 1, 2))
    expected = torch.nn.functional.normalize(maps.mean((2, 3))).numpy()
    for runtime, least in (("torch", 0.99999), ("openvino", 0.995)):  # The latter computes in bfloat16.
        vectors = Encoder(recipe, "cpu", runtime=runtime).encode(photos)
        assert (vectors * expected).sum(axis=1).min() > least


def test_an_odd_side_is_padded_alike_on_both_ends():
    recipe = make_recipe("imagenet", "efficientnet_lite0", input_size=225)
    reference = EfficientNet.from_name("efficientnet-lite0", image_size=225).eval()
    reference.load_state_dict(torch.load(imagenet_path(recipe), weights_only=True))
    photo = open_photo(PHOTOS[0].read_bytes())
    pixels = preprocess(photo, recipe)[None].astype(np.float32)
    with torch.inference_mode():
        maps = reference.extract_features(torch.from_numpy((pixels - 127) / 128).permute(0, 3, 1, 2))
    expected = torch.nn.functional.normalize(maps.mean((2, 3))).numpy()
    assert (Encoder(recipe, "cpu", runtime="torch").encode([photo]) * expected).sum() > 0.99999
