import numpy as np
import pytest
from PIL import Image, ImageDraw

from ml.colour_names import TERMS
from ml.product_colours import BOXES, SHARES, colours, likeness, terms


def studio(colour: str, backdrop: str = "#eeeeee", size: int = 200) -> Image.Image:
    """A square thing before a plain backdrop."""
    photo = Image.new("RGB", (size, size), backdrop)
    ImageDraw.Draw(photo).rectangle((60, 60, 140, 140), fill=colour)
    return photo


def likeliest(photo: Image.Image) -> str:
    return TERMS[int(terms(colours(photo)[np.newaxis]).argmax())]


@pytest.mark.parametrize(
    ("colour", "term"),
    [
        ("#1f6f3a", "green"),
        ("#202020", "black"),
        ("#20307a", "blue"),
        ("#7b4a2a", "brown"),
        ("#ff0000", "red"),
        ("#0033cc", "blue"),
    ],
)
def test_the_backdrop_is_set_aside(colour, term):
    assert likeliest(studio(colour)) == term
    assert likeliest(studio(colour, backdrop="#ffe9a8")) == term


def test_where_no_backdrop_can_be_told_the_middle_counts():
    rng = np.random.default_rng(0)
    noisy = Image.fromarray(rng.integers(0, 256, (200, 200, 3), np.uint8))
    noisy.paste("#1f6f3a", (35, 35, 165, 165))
    assert terms(colours(noisy)[np.newaxis])[0][TERMS.index("green")] > 0.85


def test_a_photo_of_one_colour_alone_is_counted_whole():
    assert likeliest(Image.new("RGB", (64, 64), "#1f6f3a")) == "green"


def test_the_shares_add_up_to_one_whatever_the_photo():
    for photo in (Image.new("RGB", (16, 16), "white"), Image.new("RGB", (400, 20)), studio("#00ff00")):
        assert colours(photo).shape == (SHARES,)
        assert colours(photo)[:BOXES].sum() == pytest.approx(1, abs=1e-5)
        assert colours(photo)[BOXES:].sum() == pytest.approx(1, abs=1e-5)


def test_the_same_colours_are_alike_and_others_are_not():
    green, other, blue = (colours(studio(colour)) for colour in ("#1f6f3a", "#1f6f3c", "#20307a"))
    alike = likeness(np.stack([green]), np.stack([green, other, blue]))[0]
    assert alike == pytest.approx([1, 1, 0], abs=0.1)
