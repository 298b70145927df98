"""Whether probabilities are as sure as they should be, and the temperature that makes them so (Guo et al. 2017)."""

import numpy as np

from ml.arrays import Floats, Ints

CALIBRATION_BINS = 15  # Guo et al. 2017


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """The temperature: divided by it, the logits give the true columns the least log-loss (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    own = np.arange(len(truth))

    def log_loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        top = scaled.max(axis=1)
        return float(np.mean(top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[own, truth]))

    return float(np.exp(minimize_scalar(log_loss, bounds=(-3, 3), method="bounded").x))


def expected_calibration_error(probabilities: Floats, truth: Ints) -> float:
    """The mean gap between confidence and accuracy over equal-width bins, weighted by their photos.

    Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3, with 15 bins.
    """
    confidence = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(truth))
