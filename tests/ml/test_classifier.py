"""A trained head: what it says of a photo, and that it survives its bytes and serves with numpy alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save

from ml.classifier import Classifier, softmax
from ml.gate_policy import Policy, Tuned, Worth
from ml.head_fitting import Origin, fit_classifier
from tests.ml.categories import catalogue, with_views


def test_one_vector_gives_one_row_of_probabilities():
    vectors, labels, products = catalogue({1: 8, 2: 8, 3: 8})
    head = fit_classifier(vectors, labels, products)
    many = head.probabilities(vectors)
    assert many.shape == (24, 3)
    assert np.allclose(many.sum(axis=1), 1)
    assert np.allclose(head.probabilities(vectors[5]), many[5], atol=1e-6)


def test_a_head_survives_its_bytes():
    vectors, labels, products = catalogue({3: 8, 900000000000: 8, 5: 2})
    head = fit_classifier(vectors, labels, products)
    again = Classifier.from_bytes(head.to_bytes())
    assert (again.classes, again.metrics) == (head.classes, head.metrics)
    assert np.array_equal(again.probabilities(vectors), head.probabilities(vectors))


def test_a_head_that_learned_from_views_survives_its_bytes():
    vectors, labels, products, origins = with_views({3: 40, 5: 40})
    head = fit_classifier(vectors, labels, products, origins)
    again = Classifier.from_bytes(head.to_bytes())
    assert again.metrics == head.metrics
    assert np.array_equal(again.probabilities(vectors), head.probabilities(vectors))
    assert np.array_equal(again.is_unknown(-vectors), head.is_unknown(-vectors))
    assert again.is_unknown(-vectors).any()


def test_the_head_of_rooms_is_heard_as_much_as_a_photo_is_of_a_room():
    vectors, labels, products, origins = with_views({3: 40, 5: 40})
    head = fit_classifier(vectors, labels, products, origins)
    assert head.rooms is not None
    share = head.rooms.share(vectors)
    assert share[origins == Origin.CATALOGUE].mean() < 0.2
    assert share[origins == Origin.VIEW].mean() > 0.8
    studio = softmax(vectors @ head.weights + head.bias)
    room = softmax(vectors @ head.rooms.weights + head.rooms.bias)
    expected = (1 - share[:, None]) * studio + share[:, None] * room
    assert head.probabilities(vectors) == pytest.approx(expected, abs=1e-6)
    assert head.probabilities(vectors[3]) == pytest.approx(expected[3], abs=1e-6)


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
    assert np.array_equal(again.novelty.likeness(vectors), head.novelty.likeness(vectors))


def test_a_head_stored_before_gates_were_tuned_acts_as_it_did():
    metrics = {"top1": 1.0, "top2": 1.0, "calibration_error": 0.0, "temperature": 1.0, "folds": 5}
    tensors: dict[str, np.ndarray] = {
        "weights": 9 * np.eye(4, dtype=np.float32),
        "bias": np.zeros(4, np.float32),
        "classes": np.arange(4),
    }
    head = Classifier.from_bytes(
        save(tensors, {"metrics": json.dumps({**metrics, "photos": {"0": 9}, "left_out": {}, "unknown_above": 3.0})})
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


def test_other_bytes_are_no_head():
    with pytest.raises(SafetensorError):
        Classifier.from_bytes(b"\x80\x04junk that pickle would have run")


def test_serving_a_head_imports_neither_scikit_learn_nor_torch():
    code = (
        "import sys, numpy as np; from ml.classifier import Classifier, Metrics\n"
        "head = Classifier((1, 2), np.eye(2, dtype='float32'), np.zeros(2, 'float32'), Metrics(1, 1, 0, 1, 5, {}))\n"
        "Classifier.from_bytes(head.to_bytes()).judge(np.ones(2, 'float32'))\n"
        "sys.exit(bool({'sklearn', 'scipy', 'torch'} & set(sys.modules)))"
    )
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
