"""Photos as a customer's camera might take them."""

import pytest
import torch
from torch import Generator, Tensor

from ml.augmentation import disturb, flip


@pytest.fixture
def photos() -> Tensor:
    """32 times a red square, left of the middle, on white."""
    photos = torch.ones(32, 3, 64, 64)
    photos[:, 1:, 16:48, 12:36] = 0.1
    return photos


def drawn(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def test_a_flipped_batch_holds_photos_and_their_mirror_images(photos):
    flipped = flip(photos, drawn(0))
    mirrored = [torch.equal(one, photo.flip(2)) for one, photo in zip(flipped, photos, strict=True)]
    kept = [torch.equal(one, photo) for one, photo in zip(flipped, photos, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 8 < sum(mirrored) < 24


def test_disturbed_photos_stay_photos_and_no_two_are_alike(photos):
    disturbed = disturb(photos, drawn(0))
    assert disturbed.shape == photos.shape
    assert disturbed.min() >= 0
    assert disturbed.max() <= 1
    assert len({one.numpy().tobytes() for one in disturbed}) == 32


def test_the_same_generator_disturbs_alike(photos):
    assert torch.equal(disturb(photos, drawn(3)), disturb(photos, drawn(3)))
    assert not torch.equal(disturb(photos, drawn(3)), disturb(photos, drawn(4)))


def test_the_product_stays_in_the_photo_and_keeps_its_colour(photos):
    red, green, _ = disturb(photos, drawn(0))[:, :, 32, 24].unbind(1)
    assert (red > 2 * green).all()


def test_only_some_backdrops_are_exchanged(photos):
    corners = disturb(photos, drawn(0))[:, :, 1, 62]
    coloured = (corners.amax(1) - corners.amin(1)) > 0.2
    assert 4 < coloured.sum() < 20
