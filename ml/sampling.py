"""Draws a random part of many rows."""

import numpy as np
from numpy.typing import NDArray


def sampled(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """All of the rows, (n,), if there are at most `most`; else `most` of them drawn at random, ascending."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
