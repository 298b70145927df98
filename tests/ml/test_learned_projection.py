"""A map learned from families, and what proves it."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from ml.encoder import Encoder
from ml.feature_scaling import unit
from ml.learned_projection import (
    Evidence,
    Families,
    NothingToLearn,
    Ranking,
    TooFewFamilies,
    family_queries,
    fit_learned,
    folds,
    prove,
    ranked,
    sign_flip_p,
)
from ml.projection import fit_projection
from ml.recipes import make_recipe
from ml.retrieval import Gallery
from tests.made_up_families import made_up_families
from tests.ml.photos import DEMO

COMPONENTS = 16


def proof(of: Families, seed: int = 0) -> Evidence:
    return prove(of, fit_projection(of.gallery.vectors, COMPONENTS), "cosine", seed)


def test_a_direction_in_which_families_differ_within_is_scaled_down():
    known = made_up_families()
    axes = fit_projection(known.gallery.vectors, COMPONENTS)
    fitted = fit_learned(known, axes)
    mapped = fitted.apply(known.gallery.vectors, normalize=False)
    apart = mapped - np.array([mapped[known.numbers == number].mean(axis=0) for number in known.numbers])
    plain = axes.apply(known.gallery.vectors, normalize=False)
    apart_before = plain - np.array([plain[known.numbers == number].mean(axis=0) for number in known.numbers])
    assert apart.var() / mapped.var() < 0.7 * apart_before.var() / plain.var()
    assert (fitted.whiten, fitted.explained_variance) == (True, axes.explained_variance)
    assert fitted.components.shape == (24, COMPONENTS)


def test_families_never_seen_are_found_better():
    evidence = proof(made_up_families())
    assert (evidence.queries, evidence.families, evidence.is_better) == (120, 40, True)
    assert evidence.gain > 0.1
    assert (evidence.p, evidence.deviations is not None and evidence.deviations > 4) == (0.0001, True)


def test_families_drawn_at_random_are_never_taken_for_better():
    proofs = [proof(made_up_families().shuffled(seed), seed) for seed in range(8)]
    assert [evidence.is_better for evidence in proofs] == 8 * [False]


def test_shuffled_families_keep_their_sizes_and_their_category():
    known = made_up_families()
    shuffled = known.shuffled(0)
    assert not np.array_equal(shuffled.numbers, known.numbers)
    assert np.array_equal(np.bincount(shuffled.numbers), np.bincount(known.numbers))
    assert np.array_equal(shuffled.numbers % 2, known.numbers % 2)


def test_a_gain_that_is_certain_but_tiny_is_no_better_map():
    before, after = Ranking(0.5, 0.6, 0.400), Ranking(0.5, 0.6, 0.409)
    evidence = Evidence(100, 40, before, after, p=0.0001, deviations=9.0)
    assert not evidence.is_better
    assert replace(evidence, after=Ranking(0.5, 0.6, 0.411)).is_better
    assert not replace(evidence, after=Ranking(0.5, 0.6, 0.411), p=0.002).is_better
    assert not replace(evidence, after=Ranking(0.5, 0.6, 0.411), deviations=4.9).is_better
    assert replace(evidence, after=Ranking(0.5, 0.6, 0.411), deviations=None).is_better


def test_a_query_is_asked_of_a_map_that_does_not_know_its_family():
    known = made_up_families(count=20, members=2, photos=2)
    told = replace(known, told=known.gallery.vectors[:4], told_products=np.array([0, 0, 1, 2]))
    axes = fit_projection(known.gallery.vectors, COMPONENTS)
    held = np.array([0])
    without = told.without(held)
    assert without.of(np.array([0, 1, 2])).tolist() == [-1, -1, 1]
    moved = replace(without, told=np.vstack([-told.told[:3], told.told[3:]]))
    assert np.array_equal(fit_learned(without, axes).components, fit_learned(moved, axes).components)
    assert not np.array_equal(fit_learned(told, axes).components, fit_learned(without, axes).components)


def test_customers_photos_move_the_map_but_not_the_axes():
    known = made_up_families()
    told = replace(known, told=known.gallery.vectors[:3] + 0.5, told_products=np.array([5, 8, 20]))
    axes = fit_projection(known.gallery.vectors, COMPONENTS)
    one, other = fit_learned(known, axes), fit_learned(told, axes)
    assert np.array_equal(one.mean, other.mean)
    assert not np.array_equal(one.components, other.components)


def test_a_product_looks_for_its_kin_and_one_without_kin_for_its_other_photos():
    photos = np.array([0, 0, 1, 2, 2, 3])  # Products 0 and 1 are a family; 2 has two photos; 3 is alone.
    gallery = Gallery(np.eye(6, dtype=np.float32), np.arange(6), photos, np.zeros(6, np.int64))
    known = Families(gallery, np.array([7, 7, 8, 9]), np.empty((0, 6), np.float32), np.empty(0, np.int64))
    asked = family_queries(known, 10)
    assert asked.rows.tolist() == [0, 2, 3]
    assert asked.numbers.tolist() == [7, 7, 8]
    assert asked.wanted.astype(int).tolist() == [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert asked.searched.astype(int).tolist() == [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]]


def test_ranks_are_those_of_the_first_product_wanted():
    turned = np.array([[1, 0], [0.9, 0.1], [0.8, 0.3], [0, 1]], np.float32)
    gallery = Gallery(unit(turned), np.arange(4), np.arange(4), np.zeros(4, np.int64))
    known = Families(gallery, np.array([0, 1, 0, 2]), np.empty((0, 2), np.float32), np.empty(0, np.int64))
    assert ranked(family_queries(known, 10), gallery, "cosine").tolist() == [[0, 1, 0.5], [0, 1, 0.5]]


def test_the_folds_share_out_all_families_and_no_family_lies_in_two():
    dealt = list(folds(np.array([3, 3, 1, 4, 4, 5, 9, 2, 6]), seed=0))
    assert len(dealt) == 5
    assert sorted(np.concatenate(dealt).tolist()) == [1, 2, 3, 4, 5, 6, 9]


def test_the_signs_of_a_family_flip_together():
    gains = np.ones(30)
    assert sign_flip_p(gains, np.arange(30)) == 0.0001
    assert sign_flip_p(gains, np.repeat([0, 1], 15)) == pytest.approx(0.25, abs=0.02)
    assert sign_flip_p(-gains, np.arange(30)) == 1.0


def test_a_shop_without_kin_is_proven_on_the_other_photos_of_its_products():
    known = made_up_families(count=40, members=1, photos=3)
    evidence = proof(known)
    assert (evidence.queries, evidence.deviations, evidence.is_better) == (40, None, True)


def test_too_few_families_and_photos_that_do_not_differ_are_refused():
    with pytest.raises(TooFewFamilies, match="19 families have two products, or a product with two photos; 20 are"):
        proof(made_up_families(count=19))
    known = made_up_families(count=40, members=1)
    same = replace(known.gallery, vectors=np.repeat(known.gallery.vectors, 2, axis=0)[:40])
    twins = replace(known, gallery=same, numbers=np.repeat(np.arange(20), 2))
    with pytest.raises(NothingToLearn, match="the photos of a family do not differ"):
        fit_learned(twins, fit_projection(same.vectors, COMPONENTS))


def test_evidence_survives_json():
    evidence = proof(made_up_families())
    assert Evidence.from_dict(evidence.as_dict()) == evidence


@pytest.mark.slow
def test_of_the_sample_catalogue_the_true_families_are_proven_and_shuffled_ones_never():
    with (DEMO / "catalog" / "catalog.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    photos = [(place, photo) for place, row in enumerate(rows) for photo in row["image"].split("|")]
    encoder = Encoder(make_recipe("imagenet", "efficientnet_lite2"))
    vectors = encoder.encode(encoder.open((DEMO / "catalog" / photo).read_bytes()) for _, photo in photos)
    categories = np.unique([row["category"] for row in rows], return_inverse=True)[1]
    numbers = np.unique([f"{row['category']} {row['family']}" for row in rows], return_inverse=True)[1]
    products = np.array([place for place, _ in photos])
    gallery = Gallery(vectors, np.arange(len(photos)), products, categories[products])
    true = Families(gallery, numbers, np.empty((0, vectors.shape[1]), np.float32), np.empty(0, np.int64))
    axes = fit_projection(vectors, 128)
    assert prove(true, axes, "cosine").is_better
    assert not any(prove(true.shuffled(seed), axes, "cosine", seed).is_better for seed in range(100, 106))
