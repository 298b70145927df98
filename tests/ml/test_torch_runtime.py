"""The reference runtime, held against torchvision's own ResNet, and a GPU held against it."""

import numpy as np
import pytest
import torch

from ml.encoder import Encoder
from ml.recipes import make_recipe
from ml.weights import load_network
from tests.ml.photos import chair, gradient, normalised


@pytest.mark.slow
def test_the_default_network_in_torch_equals_plain_torchvision():
    recipe = make_recipe("random")
    photos = [gradient(400, 300), chair((200, 30, 30)), gradient(224, 224)]
    network = load_network(recipe)
    network.fc = torch.nn.Identity()
    with torch.inference_mode():
        reference = network(torch.cat([normalised(photo, recipe) for photo in photos]))
    reference = torch.nn.functional.normalize(reference, dim=1).numpy()
    vectors = Encoder(recipe, "cpu", runtime="torch").encode(photos)
    assert vectors.shape == (3, 2048)
    assert (vectors * reference).sum(axis=1).min() >= 0.9999
    assert np.abs(vectors - reference).max() < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_sees_photos_as_the_cpu_does():
    recipe = make_recipe("random", "resnet18")
    photos = [chair(colour) for colour in ("brown", "navy", "teal", "red", "gold")]
    expected = Encoder(recipe, "cpu", runtime="torch").encode(photos)
    for size in (1, 2, 5):  # 2: two full passes and a single photo, on another stream
        found = Encoder(recipe, "cuda", size).encode(photos)
        assert (expected * found).sum(axis=1).min() >= 0.999
