"""The network that squeezes a photo through a bottleneck and paints it again."""

import pytest
import torch
from torchvision.models.feature_extraction import create_feature_extractor

from ml.autoencoder import LATENT, SIZE, Autoencoder


@pytest.mark.parametrize("size", [SIZE, 96, 200])
def test_the_bottleneck_gives_one_vector_a_photo_whatever_its_size(size):
    network = create_feature_extractor(Autoencoder().eval(), {"bottleneck": "features"})
    assert network(torch.zeros(2, 3, size, size))["features"].shape == (2, LATENT)
    assert not any("decoder" in name for name, _ in network.named_parameters())


def test_photos_are_painted_in_their_own_size():
    assert Autoencoder()(torch.zeros(2, 3, SIZE, SIZE)).shape == (2, 3, SIZE, SIZE)
