from dataclasses import replace

import numpy as np
import pytest

from ml.gate_tuning import Views
from ml.head_fitting import OutOfFold
from ml.kinship import Kinship, standing
from ml.kinship_fitting import SHOWN, fit_kinship
from ml.retrieval import Gallery

FAMILIES, SIZE = 20, 3
DIMENSIONS = 16


def shop(seed: int = 0, noise: float = 0.12) -> tuple[Gallery, np.ndarray, Views]:
    """Two categories of ten families of three products, one photo each, and a view of each photo."""
    random = np.random.default_rng(seed)
    categories = np.repeat([1, 2], FAMILIES * SIZE // 2)
    families = np.repeat(np.arange(FAMILIES), SIZE)
    centres = random.standard_normal((2, DIMENSIONS))[categories - 1]
    kin = 0.5 * random.standard_normal((FAMILIES, DIMENSIONS))[families]
    vectors = centres + kin + 0.25 * random.standard_normal((len(families), DIMENSIONS))
    seen = vectors + noise * random.standard_normal(vectors.shape)
    vectors, seen = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (vectors, seen))
    ids = np.arange(len(families)) + 100
    gallery = Gallery(vectors.astype(np.float32), ids, ids, categories)
    probabilities = np.where(categories[:, np.newaxis] == [1, 2], 0.9, 0.1)
    held_out = OutOfFold((1, 2), np.arange(len(ids)), probabilities, 1.0, 1.0, 5)
    return gallery, families, Views(seen.astype(np.float32), ids, held_out)


def fitted(*arguments) -> Kinship:
    kinship = fit_kinship(*arguments)
    assert kinship is not None
    return kinship


def test_words_are_as_sure_as_they_should_be_of_views_that_were_not_learned_from():
    kinship = fitted(*shop())
    gaps = np.zeros(3)
    for seed in range(1, 6):
        gallery, families, views = shop(seed)
        for row in range(len(families)):
            found = views.vectors[row] @ gallery.vectors.T
            order = np.argsort(-found)[: SHOWN + 1]
            for place in range(SHOWN):
                match, others = order[place], np.delete(found[order], place)
                probability = views.held_out.probabilities[row, gallery.categories[match] - 1]
                likely = kinship.likelihood(float(found[match]), others, float(probability))
                gaps[0] += likely.piece - (match == row)
                gaps[1] += likely.style - (families[match] == families[row])
                gaps[2] += likely.kind - (gallery.categories[match] == gallery.categories[row])
    assert np.abs(gaps / (5 * FAMILIES * SIZE * SHOWN)).max() < 0.03


def test_slopes_are_never_below_zero():
    gallery, families, views = shop()
    confused = np.random.default_rng(0).permutation(len(families))
    kinship = fitted(gallery, families, replace(views, vectors=views.vectors[confused]))
    assert min(*kinship.piece[1:], *kinship.style[1:], *kinship.kind[1:]) >= 0


def test_the_pairs_are_what_views_find_first():
    assert fitted(*shop()).pairs == FAMILIES * SIZE * SHOWN


def test_categories_that_the_head_has_not_learned_are_no_pairs():
    gallery, families, views = shop()
    known = views.held_out.among(gallery.categories == 1)
    learned = replace(known, classes=(1, 3))
    kinship = fitted(gallery, families, replace(views, held_out=learned))
    assert kinship.pairs <= FAMILIES * SIZE // 2 * SHOWN


def test_too_few_views_or_products_have_no_words():
    gallery, families, views = shop()
    few = views.held_out.among(np.arange(len(families)) < 10)
    assert fit_kinship(gallery, families, replace(views, held_out=few)) is None
    none = views.held_out.among(np.zeros(len(families), bool))
    assert fit_kinship(gallery, families, replace(views, held_out=none)) is None
    small = gallery.among(np.arange(5))
    assert fit_kinship(small, families[:5], views) is None


def test_a_shop_without_kin_has_words():
    gallery, _, views = shop()
    kinship = fitted(gallery, np.arange(len(gallery.photos)), views)
    stands = standing(np.array([0.99]), np.full((1, 10), 0.5), np.array([0.9]))
    piece, style, _ = kinship.likelihoods(stands)
    assert piece == pytest.approx(style, abs=0.02)
