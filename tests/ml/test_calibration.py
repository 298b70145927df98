"""Calibration: how far probabilities are from what comes true, and the temperature that mends it."""

import numpy as np
import pytest

from ml.calibration import expected_calibration_error, fit_temperature
from ml.classifier import softmax


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
