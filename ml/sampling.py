"""Drawing a part of many at random."""

import numpy as np
from numpy.typing import NDArray


def sampled(rows: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """All of the rows, (n,), where there are `most` at most; else `most` of them by chance, ascending."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
