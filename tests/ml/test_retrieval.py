"""Ranks as a customer would count them: products, not photos, and only those that were searched."""

import numpy as np
import pytest

from ml import retrieval
from ml.retrieval import NOTHING, Gallery, average_precisions, first_ranks, similarities


def gallery(vectors, products, categories=None) -> Gallery:
    """Photos 10, 11, 12 ... of these products."""
    vectors = np.array(vectors, np.float32)
    return Gallery(
        vectors, np.arange(10, 10 + len(vectors)), np.array(products), np.array(categories or [1] * len(vectors))
    )


def test_products_are_ascending_and_keep_their_category():
    shop = gallery(np.eye(4), products=[9, 3, 9, 5], categories=[2, 1, 2, 7])
    assert shop.product_ids.tolist() == [3, 5, 9]
    assert shop.product_categories.tolist() == [1, 7, 2]


def test_a_product_in_two_categories_is_a_mistake():
    with pytest.raises(ValueError, match="a product has photos in two categories"):
        gallery(np.eye(2), products=[3, 3], categories=[1, 2])


def test_a_product_is_as_similar_as_its_best_photo():
    shop = gallery([[1, 0], [0, 1], [0.6, 0.8]], products=[7, 4, 7])
    found = similarities(np.array([[1, 0], [0, 1]]), shop, "cosine", np.array([NOTHING, NOTHING]))
    assert found.dtype == np.float32
    assert found == pytest.approx(np.array([[0, 1], [1, 0.8]]))


def test_only_the_struck_photo_is_left_out():
    shop = gallery([[1, 0], [0, 1], [0.6, 0.8]], products=[7, 4, 7])
    found = similarities(np.array([[1, 0], [1, 0]]), shop, "cosine", np.array([10, 999]))
    assert found == pytest.approx(np.array([[0, 0.6], [0, 1]]))


def test_a_product_without_a_photo_left_is_nowhere():
    shop = gallery([[1, 0], [0, 1]], products=[4, 7])
    assert similarities(np.array([[1, 0]]), shop, "cosine", np.array([10])).tolist() == [[-np.inf, 0]]


def test_l2_similarity_falls_with_the_distance():
    shop = gallery([[3, 4], [0, 1], [0, 0]], products=[1, 2, 3])
    found = similarities(np.array([[0.0, 0.0]]), shop, "l2", np.array([NOTHING]))
    assert found == pytest.approx(np.array([[1 / 6, 1 / 2, 1]]))


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    shop = gallery(rng.normal(size=(30, 8)), products=rng.integers(0, 12, 30))
    queries, struck = rng.normal(size=(9, 8)), np.arange(10, 19)
    shape = (9, len(shop.product_ids))
    wanted, searched = rng.random(shape) < 0.3, rng.random(shape) < 0.7

    def measured():
        found = similarities(queries, shop, "l2", struck)
        return found, first_ranks(found, wanted, searched), average_precisions(found, wanted, searched)

    whole = measured()
    monkeypatch.setattr(retrieval, "BLOCK", 1)
    for one, other in zip(whole, measured(), strict=True):
        assert one == pytest.approx(other, nan_ok=True)


SCORES = np.array([[0.9, 0.5, 0.7, 0.5]])


@pytest.mark.parametrize(
    ("wanted", "searched", "rank"),
    [
        ([1, 0, 0, 0], [1, 1, 1, 1], 1),
        ([0, 0, 0, 1], [1, 1, 1, 1], 4),
        ([0, 1, 0, 1], [1, 1, 1, 1], 3),
        ([0, 0, 0, 1], [0, 1, 0, 1], 2),
        ([0, 0, 0, 1], [0, 0, 0, 1], 1),
        ([1, 0, 0, 0], [0, 1, 1, 1], np.inf),
        ([0, 0, 0, 0], [1, 1, 1, 1], np.inf),
    ],
)
def test_the_first_wanted_product_is_ranked_among_the_searched_ones(wanted, searched, rank):
    assert first_ranks(SCORES, np.array([wanted], bool), np.array([searched], bool)).tolist() == [rank]


def test_a_wanted_product_without_a_photo_is_never_found():
    everything = np.ones((1, 2), bool)
    assert first_ranks(np.array([[-np.inf, -np.inf]]), everything, everything).tolist() == [np.inf]


@pytest.mark.parametrize(
    ("wanted", "searched", "precision"),
    [
        ([1, 0, 0, 0], [1, 1, 1, 1], 1),
        ([1, 0, 0, 1], [1, 1, 1, 1], (1 + 2 / 4) / 2),
        ([1, 1, 0, 0], [1, 1, 1, 1], (1 + 2 / 3) / 2),
        ([1, 0, 0, 1], [0, 1, 1, 1], (1 / 3) / 2),
        ([1, 0, 0, 0], [0, 1, 1, 1], 0),
        ([0, 0, 0, 0], [1, 1, 1, 1], np.nan),
    ],
)
def test_average_precision_counts_what_was_not_searched_as_missed(wanted, searched, precision):
    found = average_precisions(SCORES, np.array([wanted], bool), np.array([searched], bool))
    assert found == pytest.approx(precision, nan_ok=True)


def test_average_precision_does_not_expect_a_product_without_a_photo():
    everything = np.ones((1, 3), bool)
    assert average_precisions(np.array([[0.5, -np.inf, 0.4]]), everything, everything).tolist() == [1]
