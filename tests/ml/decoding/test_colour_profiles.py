"""Colours mean what a photo's profile says, at upload, for the index and for queries alike."""

import pytest
from PIL import Image

from ml.images import AtLeast, open_at, open_photo
from tests.bombs import encoded
from tests.colour_profiles import linear_grey, red_ink, swapped_rgb


def opened(data, at=(10, 10)):
    """The colour of a pixel by both ways in: the catalogue's and the network's."""
    return [open_photo(data).getpixel(at), open_at(data, AtLeast(shorter=64)).getpixel(at)]


def near(colours, wanted):
    return all(max(abs(one - other) for one, other in zip(colour, wanted, strict=True)) <= 10 for colour in colours)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_rgb_means_what_its_profile_says(kind):
    photo = Image.new("RGB", (64, 64), (255, 0, 0))
    assert near(opened(encoded(photo, kind, icc_profile=swapped_rgb(), quality=100)), (0, 255, 0))


def test_grey_means_what_its_profile_says():
    for mode, value in (("L", 128), ("LA", (128, 255))):
        assert near(opened(encoded(Image.new(mode, (64, 64), value), "PNG", icc_profile=linear_grey())), (188,) * 3)
    assert near(opened(encoded(Image.new("L", (64, 64), 128), "JPEG", icc_profile=linear_grey())), (188,) * 3)


def test_inks_mean_what_their_profile_says():
    photo = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    assert near(opened(encoded(photo, "JPEG", icc_profile=red_ink(), quality=100)), (255, 0, 0))
    assert near(opened(encoded(Image.new("CMYK", (64, 64)), "JPEG", icc_profile=red_ink(), quality=100)), (255,) * 3)


def test_palettes_and_transparency_mean_what_their_profile_says():
    for mode in ("P", "RGBA"):
        photo = Image.new("RGBA", (64, 64), (255, 0, 0, 255)).convert(mode)
        assert near(opened(encoded(photo, "PNG", icc_profile=swapped_rgb())), (0, 255, 0))
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    assert near(opened(encoded(clear, "PNG", icc_profile=swapped_rgb())), (255, 255, 255))


@pytest.mark.parametrize(
    "profile",
    [b"no profile", swapped_rgb()[:200], linear_grey(), red_ink(), swapped_rgb() + bytes(5 << 20)],
    ids=["no profile", "cut short", "of grey", "of inks", "too large"],
)
def test_a_profile_that_is_broken_or_of_other_colours_is_ignored(profile):
    photo = Image.new("RGB", (64, 64), (255, 0, 0))
    assert near(opened(encoded(photo, "JPEG", icc_profile=profile, quality=100)), (255, 0, 0))
