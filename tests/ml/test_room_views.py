"""Views: a product cut out of its studio photo and put into a made-up room."""

import numpy as np
import pytest
from PIL import Image

from ml.images import open_photo
from ml.room_views import SIDE, view
from tests.ml.photos import DEMO_PHOTOS, gradient


def studio(colour: tuple[int, int, int] = (200, 30, 30), backdrop: str = "white") -> Image.Image:
    photo = Image.new("RGB", (400, 300), backdrop)
    photo.paste(colour, (100, 60, 300, 240))
    return photo


def views(photo: Image.Image, count: int = 40) -> list[np.ndarray]:
    return [np.asarray(view(photo, np.random.default_rng(seed)), int) for seed in range(count)]


def test_a_view_is_an_rgb_picture_of_the_size_that_networks_look_at():
    made = view(studio(), np.random.default_rng(0))
    assert (made.mode, made.size) == ("RGB", (SIDE, SIDE))


def test_the_same_state_gives_the_same_view_and_another_state_another():
    first, again, other = (view(studio(), np.random.default_rng(seed)).tobytes() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("backdrop", ["white", "lightgrey", "beige"])
def test_the_product_stays_and_its_backdrop_goes(backdrop):
    for pixels in views(studio(backdrop=backdrop)):
        red = (pixels[..., 0] > 2 * pixels[..., 1]) & (pixels[..., 0] > 2 * pixels[..., 2])
        assert red.mean() > 0.05
    first, last = (
        np.median(np.stack(views(studio(backdrop=backdrop))), axis=0)[corner] for corner in ((0, 0), (-1, -1))
    )
    assert np.abs(first - 255).max() > 30
    assert np.abs(last - 255).max() > 30


def test_products_have_different_sizes_and_places():
    boxes = set()
    for pixels in views(studio()):
        red = (pixels[..., 0] > 2 * pixels[..., 1]) & (pixels[..., 0] > 2 * pixels[..., 2])
        rows = np.flatnonzero(red.any(axis=1))
        boxes.add((int(rows[0]), int(rows[-1])))
    assert len(boxes) > 30


def test_a_photo_without_a_plain_backdrop_is_cropped():
    scene = gradient(400, 300)
    made = view(scene, np.random.default_rng(0))
    assert 0.7 * SIDE - 1 <= made.width <= SIDE
    assert made.width / made.height == pytest.approx(4 / 3, rel=0.45)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (5, 400), (3000, 40)])
@pytest.mark.parametrize("colour", ["white", "black"])
def test_a_photo_with_nothing_in_it_or_hardly_a_pixel_has_a_view_all_the_same(size, colour):
    assert view(Image.new("RGB", size, colour), np.random.default_rng(0)).width >= 1


def test_the_sample_catalogue_can_be_cut_out():
    """A view of a studio photo shows a room: its corners are no longer of one colour."""
    plain = 0
    for file in sorted(DEMO_PHOTOS.glob("*-1.webp"))[::15]:
        pixels = np.asarray(view(open_photo(file.read_bytes()), np.random.default_rng(0)), int)
        corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
        plain += int(np.ptp(corners, axis=0).max() < 8)
    assert plain <= 1
