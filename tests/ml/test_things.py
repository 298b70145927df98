"""Things: the regions of a photo that show something the shop sells."""

from dataclasses import replace

import numpy as np
import pytest

from ml import things
from ml.classifier import Classifier
from ml.head_fitting import fit_classifier
from ml.things import LARGEST, Regions, bounded, choose, grid, in_places, pooled

LAMP, BED = 3, 5


def vectors(*angles: float) -> np.ndarray:
    return np.array([[np.cos(angle), np.sin(angle), 0.1] for angle in angles], np.float32)


@pytest.fixture(scope="module")
def head() -> Classifier:
    """Lamps lie around 0, beds around a right angle; each photo is a product of its own."""
    angles = np.concatenate([np.linspace(-0.2, 0.2, 12), np.pi / 2 + np.linspace(-0.2, 0.2, 12)])
    return fit_classifier(vectors(*angles), [LAMP] * 12 + [BED] * 12, np.arange(24))


def edges(*boxes: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(boxes, np.float32)


def test_each_thing_is_chosen_once_best_first(head):
    boxes = edges((0, 0, 0.3, 0.3), (0.6, 0.6, 1, 1), (0.02, 0, 0.3, 0.3))
    chosen = choose(Regions(boxes, vectors(0.0, np.pi / 2 + 0.3, 0.35)), head, most=10)
    assert [(thing.row, thing.category) for thing in chosen] == [(0, LAMP), (1, BED)]
    assert chosen[0].worth > chosen[1].worth
    assert chosen[1].box == pytest.approx((0.6, 0.6, 0.4, 0.4))
    assert chosen[0].probabilities[0] > 0.9


def test_no_more_things_are_chosen_than_asked_for(head):
    boxes = edges((0, 0, 0.3, 0.3), (0.6, 0.6, 1, 1))
    assert len(choose(Regions(boxes, vectors(0.0, np.pi / 2)), head, most=1)) == 1


def test_alike_things_are_one_since_they_would_find_the_same(head):
    apart = edges((0, 0, 0.2, 0.2), (0.7, 0.7, 1, 1))
    assert len(choose(Regions(apart, vectors(0.2, 0.2)), head, most=10)) <= 2
    lamps = [thing for thing in choose(Regions(apart, vectors(0.2, 0.2)), head, most=10) if thing.category == LAMP]
    assert len(lamps) == 1


def test_a_part_of_a_thing_is_none_unless_the_detector_is_sure(head):
    boxes = edges((0, 0, 1, 1), (0.4, 0.4, 0.6, 0.6))
    for score, expected in ((0.3, [0]), (0.6, [0, 1])):
        scores = np.array([[0.01, 0.9], [score, 0.01]], np.float32)
        chosen = choose(Regions(boxes, vectors(np.pi / 2, 0.0), scores), head, most=10, sure=0.5)
        assert [thing.row for thing in chosen] == expected


def test_a_thing_that_the_detector_is_unsure_of_takes_nothing_in(head):
    boxes = edges((0, 0, 1, 1), (0.4, 0.4, 0.6, 0.6))
    scores = np.array([[0.01, 0.45], [0.3, 0.01]], np.float32)
    chosen = choose(Regions(boxes, vectors(np.pi / 2, 0.0), scores), head, most=10, sure=0.5)
    assert sorted(thing.row for thing in chosen) == [0, 1]


def test_a_detector_that_is_sure_outweighs_a_little_likeness(head):
    boxes = edges((0, 0, 0.3, 0.3), (0.6, 0.6, 1, 1))
    regions = Regions(boxes, vectors(0.05, 0.1), np.array([[0.05, 0.0], [0.9, 0.0]], np.float32))
    assert choose(regions, head, most=1)[0].row == 1
    assert choose(replace(regions, scores=None), head, most=1)[0].row == 0


def test_a_grid_covers_the_map_and_knows_its_edges():
    boxes = grid(15, 20)
    assert len(boxes) < 3_000
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert boxes.min() == 0
    assert (boxes.max(axis=0) == (18, 13, 20, 15)).all()
    assert len(grid(2, 40)) > 20


def test_pooling_by_sums_is_the_mean_over_the_box():
    places = np.random.default_rng(0).standard_normal((6, 9, 4)).astype(np.float32)
    boxes = np.array([[0, 0, 9, 6], [2, 1, 5, 4], [8, 5, 9, 6]])
    expected = [places[top:bottom, left:right].mean((0, 1)) for left, top, right, bottom in boxes]
    assert pooled(places, boxes) == pytest.approx(np.stack(expected), abs=1e-5)


def test_a_box_has_whole_places_within_the_map():
    boxes = np.array([[0.2, 0.9, 2.1, 2.9], [3.9, 2.9, 4.0, 3.0], [0, 0, 4, 3]])
    assert in_places(boxes, rows=3, columns=4).tolist() == [[0, 1, 2, 3], [3, 2, 4, 3], [0, 0, 4, 3]]


@pytest.mark.parametrize("shape", [(18, 24), (96, 128), (2, 100), (1, 33)])
def test_a_large_map_is_averaged_in_blocks(shape):
    places = np.random.default_rng(0).standard_normal((*shape, 3)).astype(np.float32)
    made = bounded(places)
    assert max(made.shape[:2]) <= LARGEST
    if shape == (18, 24):
        assert (made == places).all()
    if shape == (96, 128):
        assert made[1, 2] == pytest.approx(places[4:8, 8:12].mean((0, 1)), abs=1e-6)


def test_a_head_that_does_not_know_its_samples_categories_finds_no_things(head):
    old = replace(head, novelty=replace(head.novelty, categories=None))
    assert choose(Regions(edges((0, 0, 1, 1)), vectors(0.0)), old, most=10) == []


def test_vectors_of_any_length_are_compared_by_their_direction():
    """As in a space of the metric l2, whose vectors are not normalised."""
    angles = np.concatenate([np.linspace(-0.2, 0.2, 12), np.pi / 2 + np.linspace(-0.2, 0.2, 12)])
    long = fit_classifier(30 * vectors(*angles), [LAMP] * 12 + [BED] * 12, np.arange(24))
    boxes = edges((0, 0, 0.3, 0.3), (0.6, 0.6, 1, 1))
    chosen = choose(Regions(boxes, 30 * vectors(0.0, np.pi / 2 + 0.3)), long, most=10)
    assert [(thing.row, thing.category) for thing in chosen] == [(0, LAMP), (1, BED)]


def test_the_sampled_photos_are_known_by_category(head):
    alike, products = things._nearest(vectors(0.0, np.pi / 2), head)
    assert alike[0, 0] > 0.99 > alike[0, 1]
    assert 0 <= products[0, 0] < 12 <= products[1, 1] < 24
