"""A gate tuned on the shop's own photos, which look for others of their product or family."""

import numpy as np

from ml import gate_tuning
from ml.gate_policy import HARD, Policy, Tuned
from ml.gate_tuning import Views, tune_gate
from ml.head_fitting import Origin, OutOfFold, cross_validate
from ml.retrieval import Gallery, Metric


def shop(photos: int, products: int, seed: int = 0) -> Gallery:
    """Two categories around two centres, the photos of a product nearly alike."""
    rng = np.random.default_rng(seed)
    product = np.arange(photos) % products
    category = 1 + product % 2
    own = 0.2 * rng.normal(size=(products, 16))
    vectors = np.eye(16)[category] + own[product] + 0.01 * rng.normal(size=(photos, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Gallery(vectors.astype(np.float32), 500 + np.arange(photos), product, category)


def held_out(gallery: Gallery) -> OutOfFold:
    return cross_validate(gallery.vectors, gallery.categories, gallery.products)


def unrelated(gallery: Gallery) -> np.ndarray:
    return gallery.products


def tuned(
    gallery: Gallery, families: np.ndarray, photos: dict[int, int], metric: Metric = "cosine", seed: int = 0
) -> Tuned:
    found = tune_gate(held_out(gallery), gallery, families, photos, metric, seed)
    assert found is not None
    return found


def test_a_photo_asks_for_the_other_photos_of_its_product():
    gallery = shop(photos=80, products=20)
    found = tuned(gallery, unrelated(gallery), {1: 30, 2: 10})
    assert (found.policy, found.queries, found.recall_of) == (HARD, 80, "products")
    assert (found.soft.recall, found.open.recall, found.soft.work, found.open.work) == (1, 1, 0.5, 1)


def test_an_only_photo_asks_for_other_products_of_its_family():
    gallery = shop(photos=60, products=60)
    families = np.arange(60) // 4  # Each family has two in either category, and those in the other category are no kin
    found = tuned(gallery, families, {1: 30, 2: 30}, "l2")
    assert (found.queries, found.recall_of) == (60, "products")
    assert gate_tuning._kin(gallery, families, np.array([5])).nonzero()[1].tolist() == [5, 7]


def test_without_kin_the_true_category_must_be_searched():
    gallery = shop(photos=60, products=60)
    found = tuned(gallery, unrelated(gallery), {1: 30, 2: 30})
    assert (found.queries, found.recall_of, found.open.recall) == (60, "categories", 1)


def test_too_few_photos_choose_nothing():
    gallery = shop(photos=40, products=10)
    assert tune_gate(held_out(gallery), gallery, unrelated(gallery), {1: 20, 2: 20}, "cosine") is None


def test_views_ask_for_their_product():
    gallery = shop(photos=80, products=20)
    every = np.concatenate([gallery.vectors, gallery.vectors[:60]])
    products = np.concatenate([gallery.products, gallery.products[:60]])
    folds = cross_validate(every, 1 + products % 2, products, np.repeat([Origin.CATALOGUE, Origin.VIEW], [80, 60]))
    own, views = (folds.among(np.arange(140) < 80), folds.among(np.arange(140) >= 80))
    found = tune_gate(own, gallery, unrelated(gallery), {1: 30, 2: 10}, "cosine", 0, Views(every, products, views))
    assert found is not None
    assert found.views is not None
    assert (found.queries, found.views.queries, found.views.soft.recall) == (80, 60, 1)
    few = Views(every, products, views.among(np.arange(140) < 120))
    without = tune_gate(own, gallery, unrelated(gallery), {1: 30, 2: 10}, "cosine", 0, few)
    assert without is not None
    assert without.views is None


def test_a_large_shop_is_sampled_the_same_way_each_time(monkeypatch):
    monkeypatch.setattr(gate_tuning, "QUERIES", 55)
    gallery = shop(photos=120, products=30)
    first, again = (tuned(gallery, unrelated(gallery), {1: 60, 2: 60}, seed=3) for _ in range(2))
    assert first == again
    assert first.queries == 55


def test_photos_of_categories_that_no_head_learns_are_left_aside():
    large, rng = shop(photos=80, products=20), np.random.default_rng(1)
    gallery = Gallery(
        np.concatenate([large.vectors, rng.normal(size=(3, 16)).astype(np.float32)]),
        np.arange(83),
        np.append(large.products, [90, 91, 92]),
        np.append(large.categories, [7, 7, 7]),
    )
    found = tuned(gallery, unrelated(gallery), {1: 40, 2: 40, 7: 3})
    assert (found.queries, found.policy) == (80, Policy(HARD.sure, HARD.most))
