"""The category head: calibrated, honest about what it has not seen, and small enough to serve with numpy."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save

from ml.classifier import (
    MARGIN,
    Classifier,
    TooFewPhotos,
    cross_validate,
    expected_calibration_error,
    fit_classifier,
    fit_temperature,
    softmax,
)
from ml.gate_policy import Policy, Tuned, Worth


def catalogue(counts: dict[int, int], spread: float = 0.5, dimensions: int = 32, seed: int = 0):
    """Unit vectors around one centre a category; each product has one photo."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(counts), list(counts.values()))
    centres = {category: rng.normal(size=dimensions) for category in counts}
    vectors = np.stack([centres[label] + spread * rng.normal(size=dimensions) for label in labels])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels, np.arange(len(labels))


def test_five_photos_a_category_are_enough():
    vectors, labels, products = catalogue({7: 5, 3: 5})
    head = fit_classifier(vectors, labels, products)
    assert head.classes == (3, 7)
    assert head.metrics.top1 == head.metrics.top2 == 1
    assert head.metrics.photos == {3: 5, 7: 5}
    assert head.metrics.folds == 5
    found = [head.classes[column] for column in head.probabilities(vectors).argmax(axis=1)]
    assert found == labels.tolist()


def test_one_vector_gives_one_row_of_probabilities():
    vectors, labels, products = catalogue({1: 8, 2: 8, 3: 8})
    head = fit_classifier(vectors, labels, products)
    many = head.probabilities(vectors)
    assert many.shape == (24, 3)
    assert np.allclose(many.sum(axis=1), 1)
    assert np.allclose(head.probabilities(vectors[5]), many[5], atol=1e-6)


def test_a_rare_category_is_still_found_among_thousands():
    vectors, labels, products = catalogue({1: 2000, 2: 5}, spread=0.8)
    head = fit_classifier(vectors, labels, products)
    columns = head.probabilities(vectors[labels == 2]).argmax(axis=1)
    assert [head.classes[column] for column in columns] == [2] * 5
    assert head.metrics.top1 > 0.99


def test_what_is_learned_beside_the_catalogue_is_measured_apart():
    vectors, labels, products = catalogue({1: 20, 2: 20})
    of_catalogue = np.arange(40) % 4 > 0
    told = np.where(of_catalogue, labels, 3 - labels)  # A quarter says the opposite.
    metrics = fit_classifier(vectors, told, products, measured=of_catalogue).metrics
    assert (metrics.photos, metrics.others) == ({1: 15, 2: 15}, 10)
    assert metrics.top1 > 0.8
    assert metrics.others_top1 is not None
    assert metrics.others_top1 < 0.2
    assert fit_classifier(vectors, labels, products).metrics.others_top1 is None


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


def test_a_head_survives_its_bytes():
    vectors, labels, products = catalogue({3: 8, 900000000000: 8, 5: 2})
    head = fit_classifier(vectors, labels, products)
    again = Classifier.from_bytes(head.to_bytes())
    assert (again.classes, again.metrics) == (head.classes, head.metrics)
    assert np.array_equal(again.probabilities(vectors), head.probabilities(vectors))


def test_a_head_with_a_tuned_gate_survives_its_bytes():
    vectors, labels, products = catalogue({1: 40, 2: 40, 3: 40})
    worth = Worth(0.9, 0.5)
    head = fit_classifier(vectors, labels, products).with_gate(
        Tuned(Policy(0.98, 2, {0: (2,)}), 100, "products", worth, worth, worth)
    )
    again = Classifier.from_bytes(head.to_bytes())
    assert again.metrics == head.metrics
    assert again.policy == Policy(0.98, 2, {0: (2,)})
    assert again.novelty is not None
    assert head.novelty is not None
    assert np.array_equal(again.novelty.distances(vectors), head.novelty.distances(vectors))


def test_a_head_stored_before_gates_were_tuned_acts_as_it_did():
    metrics = {"top1": 1.0, "top2": 1.0, "calibration_error": 0.0, "temperature": 1.0, "folds": 5}
    tensors: dict[str, np.ndarray] = {
        "weights": 9 * np.eye(4, dtype=np.float32),
        "bias": np.zeros(4, np.float32),
        "classes": np.arange(4),
    }
    head = Classifier.from_bytes(
        save(tensors, {"metrics": json.dumps({**metrics, "photos": {"0": 9}, "left_out": {}})})
    )
    assert head.policy == Policy(0.9, 3, {})
    sure, lost = head.judge(np.eye(4)[2]), head.judge(np.zeros(4))
    assert (sure.searched, sure.unknown, sure.low_confidence) == ({2}, False, False)
    assert (lost.searched, lost.unknown, lost.low_confidence) == ({0, 1, 2}, False, False)


def test_a_judgement_names_categories_and_follows_the_policy():
    vectors, labels, products = catalogue({30: 40, 10: 40, 20: 40})
    worth = Worth(1, 1)
    head = fit_classifier(vectors, labels, products).with_gate(
        Tuned(Policy(0.5, 1, {2: (0,)}), 100, "products", worth, worth, worth)
    )
    judgement = head.judge(vectors[labels == 30][0])
    assert judgement.probabilities == pytest.approx(
        dict(zip((10, 20, 30), head.probabilities(vectors[labels == 30][0]), strict=True)), abs=1e-6
    )
    assert judgement.searched == {10, 30}
    assert head.judge(vectors[labels == 20][0]).searched == {20}


def test_a_photo_unlike_all_that_was_learned_is_unknown():
    vectors, labels, products = catalogue({1: 100, 2: 100, 3: 100}, dimensions=16)
    head = fit_classifier(vectors, labels, products)
    other = np.random.default_rng(5).normal(size=(50, 16))
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    assert head.is_unknown(other).mean() > 0.9
    assert (head.judge(other[0]).unknown, head.judge(other[0]).low_confidence) == (True, True)


def test_what_is_called_unknown_lies_a_margin_beyond_all_but_one_in_fifty_held_out_photos():
    vectors, labels, products = catalogue({1: 100, 2: 100, 3: 100}, dimensions=16)
    held_out = cross_validate(vectors, labels, products)
    limit = fit_classifier(vectors, labels, products, held_out=held_out).metrics.unknown_above
    assert limit is not None
    assert 0.01 < (held_out.distances > limit / MARGIN).mean() <= 0.02


def test_of_few_photos_none_is_called_unknown():
    vectors, labels, products = catalogue({1: 20, 2: 20})
    head = fit_classifier(vectors, labels, products)
    assert head.metrics.unknown_above is None
    assert not head.is_unknown(-100 * vectors).any()


def test_a_head_is_less_confident_than_over_nearly_all_photos_between_two_categories():
    vectors, labels, products = catalogue({1: 100, 2: 100})
    head = fit_classifier(vectors, labels, products)
    between = vectors[labels == 1].mean(axis=0) + vectors[labels == 2].mean(axis=0)
    assert max(head.judge(between).probabilities.values()) < head.metrics.hesitant_below
    assert head.judge(between).low_confidence
    assert np.mean([head.judge(vector).low_confidence for vector in vectors]) < 0.06


def test_other_bytes_are_no_head():
    with pytest.raises(SafetensorError):
        Classifier.from_bytes(b"\x80\x04junk that pickle would have run")


def test_calibration_error_is_the_weighted_gap_of_the_bins():
    sure, unsure = [0.99, 0.01], [0.61, 0.39]
    probabilities = np.array([sure] * 6 + [unsure] * 4)
    truth = np.array([0] * 6 + [0, 0, 1, 1])
    assert expected_calibration_error(probabilities, truth) == pytest.approx(0.6 * 0.01 + 0.4 * 0.11)
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 3))
    truth = np.array([rng.choice(3, p=row) for row in softmax(logits)])
    temperature = fit_temperature(4 * logits, truth)
    assert temperature == pytest.approx(4, rel=0.05)
    assert expected_calibration_error(softmax(4 * logits / temperature), truth) < 0.015
    assert expected_calibration_error(softmax(4 * logits), truth) > 0.15


def test_probabilities_on_overlapping_categories_are_calibrated():
    vectors, labels, products = catalogue({1: 300, 2: 300, 3: 300}, spread=2.5, dimensions=16)
    metrics = fit_classifier(vectors, labels, products).metrics
    assert 0.6 < metrics.top1 < 0.9
    assert metrics.calibration_error < 0.05


def test_serving_a_head_imports_neither_scikit_learn_nor_torch():
    code = (
        "import sys, numpy as np; from ml.classifier import Classifier, Metrics\n"
        "head = Classifier((1, 2), np.eye(2, dtype='float32'), np.zeros(2, 'float32'), Metrics(1, 1, 0, 1, 5, {}))\n"
        "Classifier.from_bytes(head.to_bytes()).judge(np.ones(2, 'float32'))\n"
        "sys.exit(bool({'sklearn', 'scipy', 'torch'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
