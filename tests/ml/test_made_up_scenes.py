"""Made-up scenes: products in a room, each with the box of what can be seen of it."""

import numpy as np
import pytest
from PIL import Image

from ml.backdrops import planes
from ml.made_up_scenes import PRODUCTS, owners_of, scene
from ml.room_views import CutOut, cut_out

HEIGHT, WIDTH = 240, 320


def product(colour: tuple[int, int, int]) -> CutOut:
    photo = Image.new("RGB", (200, 150), "white")
    photo.paste(colour, (50, 30, 150, 120))
    made = cut_out(planes(photo, 200))
    assert made is not None
    return made


RED = product((250, 0, 0))


@pytest.mark.parametrize("seed", range(8))
def test_the_boxes_are_those_of_what_is_seen(seed):
    picture, shown = scene([RED], np.random.default_rng(seed), HEIGHT, WIDTH)
    assert picture.size == (WIDTH, HEIGHT)
    pixels = np.asarray(picture, int)
    red = (pixels[..., 0] > 2 * pixels[..., 1]) & (pixels[..., 0] > 2 * pixels[..., 2])
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for one in shown:
        x, y, across, down = one.box
        assert 0 <= x < x + across <= 1 + 1e-9
        assert 0 <= y < y + down <= 1 + 1e-9
        box = slice(round(y * HEIGHT), round((y + down) * HEIGHT)), slice(round(x * WIDTH), round((x + across) * WIDTH))
        inside[box] = True
        rows, columns = np.flatnonzero(red[box].any(axis=1)), np.flatnonzero(red[box].any(axis=0))
        # Scaling blurs the rim, and a thing may stand before a corner.
        assert rows[-1] - rows[0] + 1 >= 0.5 * red[box].shape[0]
        assert columns[-1] - columns[0] + 1 >= 0.5 * red[box].shape[1]
    assert len(shown) <= PRODUCTS
    if shown:
        assert (red & inside).sum() > 0.5 * red.sum()


@pytest.mark.parametrize("seed", range(4))
def test_the_mask_of_a_product_fills_its_box(seed):
    for one in scene([RED], np.random.default_rng(seed), HEIGHT, WIDTH)[1]:
        x, y, across, down = one.box
        rows, columns = np.flatnonzero(one.seen.any(axis=1)), np.flatnonzero(one.seen.any(axis=0))
        assert (columns[0] / WIDTH, rows[0] / HEIGHT) == pytest.approx((x, y))
        assert ((columns[-1] + 1) / WIDTH, (rows[-1] + 1) / HEIGHT) == pytest.approx((x + across, y + down))


def test_a_place_belongs_to_the_thing_that_covers_most_of_it_and_each_thing_has_one():
    large, tiny, behind = (np.zeros((40, 80), bool) for _ in range(3))
    large[:, :38] = True
    tiny[36:38, 77:79] = True
    behind[0:10, 38:44] = True
    assert owners_of([large, tiny, behind], rows=2, columns=4).tolist() == [[0, 0, 2, -1], [0, 0, -1, 1]]
    assert owners_of([], rows=1, columns=2).tolist() == [[-1, -1]]


def test_the_same_state_gives_the_same_scene_and_another_state_another():
    first, again, other = (scene([RED], np.random.default_rng(seed), HEIGHT, WIDTH) for seed in (1, 1, 2))
    assert first[0].tobytes() == again[0].tobytes() != other[0].tobytes()
    assert [(one.box, one.number) for one in first[1]] == [(one.box, one.number) for one in again[1]]


def test_scenes_show_several_products_of_many_sizes():
    shown = [one for seed in range(40) for one in scene([RED, RED], np.random.default_rng(seed), HEIGHT, WIDTH)[1]]
    widths = [one.box[2] for one in shown]
    assert {one.number for one in shown} == {0, 1}
    assert min(widths) < 0.15
    assert max(widths) > 0.5
    assert len(shown) > 60
