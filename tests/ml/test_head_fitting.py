"""Fitting a head: calibrated, honest about what it has not seen, and sure of itself where it may be."""

import numpy as np
import pytest

from ml.classifier import Classifier
from ml.head_fitting import (
    Origin,
    TooFewPhotos,
    cross_validate,
    fit_classifier,
)
from tests.ml.categories import catalogue, with_views


def test_five_photos_a_category_are_enough():
    vectors, labels, products = catalogue({7: 5, 3: 5})
    head = fit_classifier(vectors, labels, products)
    assert head.classes == (3, 7)
    assert head.metrics.top1 == head.metrics.top2 == 1
    assert head.metrics.photos == {3: 5, 7: 5}
    assert head.metrics.folds == 5
    found = [head.classes[column] for column in head.probabilities(vectors).argmax(axis=1)]
    assert found == labels.tolist()


def test_a_rare_category_is_still_found_among_thousands():
    vectors, labels, products = catalogue({1: 2000, 2: 5}, spread=0.8)
    head = fit_classifier(vectors, labels, products)
    columns = head.probabilities(vectors[labels == 2]).argmax(axis=1)
    assert [head.classes[column] for column in columns] == [2] * 5
    assert head.metrics.top1 > 0.99


def test_what_is_learned_beside_the_catalogue_is_measured_apart():
    vectors, labels, products = catalogue({1: 20, 2: 20})
    origins = np.where(np.arange(40) % 4 > 0, Origin.CATALOGUE, Origin.CUSTOMER)
    told = np.where(origins == Origin.CATALOGUE, labels, 3 - labels)  # A quarter says the opposite.
    metrics = fit_classifier(vectors, told, products, origins).metrics
    assert (metrics.photos, metrics.others) == ({1: 15, 2: 15}, 10)
    assert metrics.top1 > 0.8
    assert metrics.others_top1 is not None
    assert metrics.others_top1 < 0.2
    assert fit_classifier(vectors, labels, products).metrics.others_top1 is None


def test_views_are_learned_from_and_measured_apart():
    vectors, labels, products, origins = with_views({1: 40, 2: 40, 3: 40})
    metrics = fit_classifier(vectors, labels, products, origins).metrics
    assert (metrics.photos, metrics.views) == ({1: 40, 2: 40, 3: 40}, 120)
    assert metrics.views_top1 is not None
    assert metrics.views_calibration_error is not None
    assert (metrics.views_top1 > 0.9, metrics.views_calibration_error < 0.1) == (True, True)
    none = fit_classifier(*catalogue({1: 40, 2: 40})).metrics
    assert (none.views, none.views_top1, none.views_calibration_error) == (0, None, None)


def test_a_view_is_never_judged_by_a_head_that_saw_its_product():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2], 60)
    own = rng.normal(size=(120, 200))  # Photos and views of a product are alike, categories are not.
    vectors = np.concatenate([own, own + 0.01 * rng.normal(size=own.shape)]).astype(np.float32)
    origins = np.repeat([Origin.CATALOGUE, Origin.VIEW], 120)
    honest = cross_validate(vectors, np.tile(labels, 2), np.tile(np.arange(120), 2), origins)
    top1 = honest.among(origins == Origin.VIEW).top1(np.tile(labels, 2))
    assert top1 is not None
    assert top1 < 0.75


def test_a_view_makes_no_category_large_enough():
    vectors, labels, products, origins = with_views({1: 40, 2: 40, 3: 3})
    head = fit_classifier(vectors, labels, products, origins)
    assert (head.classes, head.metrics.left_out) == ((1, 2), {3: 3})


@pytest.mark.slow
def test_two_hundred_categories_are_told_apart():
    vectors, labels, products = catalogue(dict.fromkeys(range(200), 6), spread=0.3, dimensions=64)
    metrics = fit_classifier(vectors, labels, products).metrics
    assert metrics.top1 > 0.95
    assert len(metrics.photos) == 200


def test_a_head_tells_what_it_takes_for_what_and_keeps_it():
    vectors, labels, products = catalogue({1: 20, 2: 20, 3: 20}, spread=3.0)
    head = fit_classifier(vectors, labels, products)
    confusion = head.metrics.confusion
    assert confusion is not None
    assert {category: sum(taken.values()) for category, taken in confusion.items()} == {1: 20, 2: 20, 3: 20}
    right = [taken.get(category, 0) for category, taken in confusion.items()]
    assert sum(right) / 60 == pytest.approx(head.metrics.top1)
    assert Classifier.from_bytes(head.to_bytes()).metrics.confusion == confusion


def test_categories_with_too_few_photos_or_products_are_left_out_and_named():
    vectors, labels, products = catalogue({1: 6, 2: 6, 3: 4, 4: 6})
    products[labels == 4] = 1000
    head = fit_classifier(vectors, labels, products)
    assert head.classes == (1, 2)
    assert head.metrics.left_out == {3: 4, 4: 6}


def test_fewer_than_two_usable_categories_raise_with_the_counts():
    vectors, labels, products = catalogue({1: 60, 2: 4})
    with pytest.raises(TooFewPhotos, match=r"\{1: 60, 2: 4\}") as caught:
        fit_classifier(vectors, labels, products)
    assert caught.value.counts == {1: 60, 2: 4}
    with pytest.raises(TooFewPhotos):
        fit_classifier(vectors[:0], labels[:0], products[:0])


def test_a_product_in_two_categories_is_a_mistake():
    vectors, labels, products = catalogue({1: 6, 2: 6})
    products[6] = products[0]
    with pytest.raises(ValueError, match="a product has photos in two categories"):
        fit_classifier(vectors, labels, products)


def test_photos_of_one_product_are_never_on_both_sides_of_a_split():
    rng = np.random.default_rng(0)
    labels = np.repeat([1, 2], 200)
    products = np.repeat(np.arange(40), 10)
    own = np.repeat(rng.normal(size=(40, 200)), 10, axis=0)  # photos of a product are alike, categories are not
    vectors = (own + 0.01 * rng.normal(size=own.shape)).astype(np.float32)
    honest = cross_validate(vectors, labels, products)
    leaking = cross_validate(vectors, labels, np.arange(400))
    accuracy = [(fold.probabilities.argmax(axis=1) == labels - 1).mean() for fold in (honest, leaking)]
    assert accuracy[0] < 0.75
    assert accuracy[1] == 1


def test_out_of_fold_rows_skip_the_photos_of_left_out_categories():
    vectors, labels, products = catalogue({1: 6, 2: 3, 3: 6})
    held_out = cross_validate(vectors, labels, products)
    assert held_out.classes == (1, 3)
    assert held_out.rows.tolist() == [*range(6), *range(9, 15)]
    assert held_out.probabilities.shape == (12, 2)
    assert np.allclose(held_out.probabilities.sum(axis=1), 1)


def test_more_photos_than_dimensions_and_fewer_give_the_same_kind_of_head():
    vectors, labels, products = catalogue({1: 30, 2: 30}, dimensions=16)
    wide = np.pad(vectors, ((0, 0), (0, 100)))  # silent dimensions must change nothing
    narrow_head, wide_head = fit_classifier(vectors, labels, products), fit_classifier(wide, labels, products)
    assert np.allclose(narrow_head.probabilities(vectors), wide_head.probabilities(wide), atol=0.01)
    assert np.abs(wide_head.weights[16:]).max() < 1e-6


def test_the_same_seed_gives_the_same_head():
    vectors, labels, products = catalogue({1: 20, 2: 20}, spread=1.5)
    first, second = (fit_classifier(vectors, labels, products, seed=1) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


def test_a_photo_unlike_all_that_was_learned_is_unknown():
    vectors, labels, products, origins = with_views({1: 100, 2: 100, 3: 100})
    head = fit_classifier(vectors, labels, products, origins)
    other = -vectors[origins == Origin.VIEW]
    assert head.is_unknown(other).mean() > 0.9
    assert (head.judge(other[0]).unknown, head.judge(other[0]).low_confidence) == (True, True)


def test_one_view_in_fifty_is_called_unknown():
    vectors, labels, products, origins = with_views({1: 100, 2: 100, 3: 100})
    head = fit_classifier(vectors, labels, products, origins)
    views = origins == Origin.VIEW
    assert head.is_unknown(vectors[views], products[views]).mean() == pytest.approx(0.02, abs=0.005)
    assert not head.is_unknown(vectors[~views]).any()


def test_without_views_or_with_few_none_is_called_unknown():
    for counts in ({1: 20, 2: 20}, {1: 24, 2: 24}):
        vectors, labels, products, origins = with_views(counts)
        for head in (fit_classifier(vectors, labels, products, origins), fit_classifier(*catalogue({1: 90, 2: 90}))):
            assert head.metrics.unknown_below is None
            assert not head.is_unknown(-100 * vectors).any()


def test_a_head_is_less_confident_than_over_nearly_all_photos_between_two_categories():
    vectors, labels, products = catalogue({1: 100, 2: 100})
    head = fit_classifier(vectors, labels, products)
    between = vectors[labels == 1].mean(axis=0) + vectors[labels == 2].mean(axis=0)
    assert max(head.judge(between).probabilities.values()) < head.metrics.hesitant_below
    assert head.judge(between).low_confidence
    assert np.mean([head.judge(vector).low_confidence for vector in vectors]) < 0.06


def test_probabilities_on_overlapping_categories_are_calibrated():
    vectors, labels, products = catalogue({1: 300, 2: 300, 3: 300}, spread=2.5, dimensions=16)
    metrics = fit_classifier(vectors, labels, products).metrics
    assert 0.6 < metrics.top1 < 0.9
    assert metrics.calibration_error < 0.05
