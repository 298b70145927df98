"""Drawing a part of many at random."""

import numpy as np

from ml.sampling import sampled

ROWS = np.arange(100, 200)


def test_few_rows_are_all_taken():
    assert sampled(ROWS, 100, seed=0) is ROWS


def test_of_many_rows_as_many_as_asked_for_are_drawn_each_once_ascending_and_the_same_again():
    drawn = sampled(ROWS, 30, seed=0).tolist()
    assert len(set(drawn)) == 30
    assert drawn == sorted(drawn)
    assert set(drawn) <= set(ROWS.tolist())
    assert sampled(ROWS, 30, seed=0).tolist() == drawn != sampled(ROWS, 30, seed=1).tolist()
