import numpy as np
import pytest
from PIL import Image

from ml.encoder import Encoder
from ml.explanation import HeatMap, Seen, heat_map, place_shares
from ml.feature_scaling import unit
from ml.preprocessing import preprocess
from ml.projection import FittedProjection, fit_projection
from ml.recipes import Recipe
from tests.ml.photos import DEMO_PHOTOS, LITE

RECIPE = Recipe(input_size=64)
NOTHING = np.zeros(8, np.float32)


def made_up(seed: int = 0, rows: int = 4, columns: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.5, size=(rows, columns, 8)).astype(np.float32)


def vector_of(places: np.ndarray, recipe: Recipe, projection: FittedProjection | None = None) -> np.ndarray:
    encoder = Encoder(recipe, projection=projection)
    return encoder.finish(places.mean((0, 1))[np.newaxis])[0]


def seen(places: np.ndarray, width: int = 64, height: int = 64) -> Seen:
    return Seen(places, width, height, vector_of(places, RECIPE))


def total(shown: HeatMap) -> float:
    return float(shown.shares.sum() + shown.padding_share)


@pytest.mark.parametrize("normalize", [True, False])
def test_shares_add_up_to_the_cosine(normalize):
    recipe = Recipe(normalize=normalize)
    one, other = made_up(0), made_up(1)
    vectors = unit(np.stack([vector_of(one, recipe), vector_of(other, recipe)]))
    assert place_shares(one, vectors[1], recipe, None).sum() == pytest.approx(vectors[0] @ vectors[1], abs=1e-6)
    assert place_shares(other, vectors[0], recipe, None).sum() == pytest.approx(vectors[0] @ vectors[1], abs=1e-6)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("whiten", [True, False])
def test_shares_add_up_after_a_projection(whiten, normalize):
    recipe = Recipe(pca=3, whiten=whiten, projection_sha256="0" * 64, normalize=normalize)
    plain = np.stack([made_up(seed).mean((0, 1)) for seed in range(9)])
    projection = fit_projection(unit(plain) if normalize else plain, 3, whiten)
    one, other = made_up(0), made_up(1)
    vectors = unit(np.stack([vector_of(places, recipe, projection) for places in (one, other)]))
    shares = place_shares(one, vectors[1], recipe, projection)
    assert shares.sum() == pytest.approx(vectors[0] @ vectors[1], abs=1e-5)
    assert (shares < 0).any()


def test_a_place_that_shows_nothing_of_the_other_photo_has_no_share():
    places = np.zeros((2, 2, 8), np.float32)
    places[0, 0, 0] = places[1, 1, 1] = 1
    shares = place_shares(places, np.eye(8)[0], RECIPE, None)
    assert shares.tolist() == [[pytest.approx(np.sqrt(0.5)), 0], [0, 0]]


def test_the_map_covers_the_photo_and_names_the_share_of_the_white_around_it():
    places = made_up()
    shown = heat_map(seen(places, 64, 32), vector_of(made_up(1), RECIPE), NOTHING, RECIPE, None)
    whole = place_shares(places, unit(vector_of(made_up(1), RECIPE)[np.newaxis])[0], RECIPE, None)
    assert shown.shares == pytest.approx(whole[1:3])
    assert shown.padding_share == pytest.approx(whole[[0, 3]].sum())
    assert shown.heat.shape == (2, 4)


def test_a_place_at_the_edge_of_the_photo_is_shared_with_the_white():
    """A photo of 64 x 40 reaches from 12 to 52 of 64 pixels: a quarter of the first and of the last row."""
    places = made_up()
    other = vector_of(made_up(1), RECIPE)
    shown = heat_map(seen(places, 64, 40), other, NOTHING, RECIPE, None)
    whole = place_shares(places, unit(other[np.newaxis])[0], RECIPE, None)
    assert shown.padding_share == pytest.approx(0.75 * whole[[0, 3]].sum())
    assert total(shown) == pytest.approx(whole.sum())


def test_a_photo_that_is_cropped_has_no_share_outside_the_square():
    recipe = Recipe(input_size=64, fit="crop")
    shown = heat_map(seen(made_up(), 256, 64), vector_of(made_up(1), recipe), NOTHING, recipe, None)
    assert shown.shares.shape == (5, 18)
    assert np.flatnonzero(shown.shares.any(axis=0)).tolist() == list(range(7, 11))
    assert shown.padding_share == pytest.approx(0, abs=1e-9)


def test_a_squashed_photo_is_covered_by_the_whole_map():
    recipe = Recipe(input_size=64, fit="squash")
    shown = heat_map(seen(made_up(), 300, 20), vector_of(made_up(1), recipe), NOTHING, recipe, None)
    assert (shown.shares.shape, shown.padding_share) == ((4, 4), pytest.approx(0, abs=1e-9))


def test_heat_leaves_out_what_any_photo_has():
    places = np.zeros((4, 4, 8), np.float32)
    places[:, :, 0] = 5  # walls: every photo has them
    places[2, 1, 1] = 1
    other = unit(np.array([[5, 0.2, 0, 0, 0, 0, 0, 0]]))[0]
    usual = np.eye(8)[0]
    shown = heat_map(seen(places), other, usual, RECIPE, None)
    assert np.unravel_index(shown.heat.argmax(), (4, 4)) == (2, 1)
    assert (shown.heat.min(), shown.heat.max()) == (0, 1)
    assert shown.shares.max() < 1.01 * shown.shares.min()


def test_a_match_that_is_like_any_photo_has_no_heat():
    places = np.ones((4, 4, 8), np.float32)
    shown = heat_map(seen(places), np.ones(8), 2 * np.ones(8), RECIPE, None)
    assert not shown.heat.any()


def test_photos_of_a_trained_network_are_explained_by_what_they_show():
    encoder = Encoder(LITE, runtime="torch")
    images = [Image.open(DEMO_PHOTOS / name).convert("RGB") for name in ("CHA-001-1.webp", "CHA-001-2.webp")]
    maps = [encoder.places(preprocess(image, LITE)) for image in images]
    vectors = encoder.encode(images)
    shown = heat_map(Seen(maps[0], *images[0].size, vectors[0]), vectors[1], vectors.mean(axis=0) * 0, LITE, None)
    assert total(shown) == pytest.approx(vectors[0] @ vectors[1], abs=1e-4)
    row, column = np.unravel_index(shown.heat.argmax(), shown.heat.shape)
    assert 0 < row < shown.heat.shape[0] - 1
    assert 0 < column < shown.heat.shape[1] - 1
