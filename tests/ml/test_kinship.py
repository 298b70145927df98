import json
from dataclasses import asdict

import numpy as np
import pytest

from ml.kinship import Kinship, Likelihood, standing

KINSHIP = Kinship(piece=(0.0, 20.0), style=(0.0, 20.0), kind=(0.0, 1.0, 20.0), pairs=500)
OTHERS = np.array([0.7, 0.6, 0.6, 0.5, 0.5, 0.1])


def test_a_match_stands_before_the_other_products_that_the_photo_found():
    stands = standing(np.array([0.8]), OTHERS[np.newaxis], np.array([0.5]))
    assert stands.ahead == pytest.approx([0.1])
    assert stands.above == pytest.approx([0.8 - 0.58])
    assert stands.category == pytest.approx([0])


def test_a_sure_head_does_not_make_a_probability_certain():
    assert np.isfinite(standing(np.array([0.8]), OTHERS[np.newaxis], np.array([1.0])).category).all()


def test_a_piece_is_of_its_style_and_a_style_of_its_kind():
    for similarity in (0.2, 0.6, 0.7, 0.9):
        likely = KINSHIP.likelihood(similarity, OTHERS, 0.6)
        assert 0 < likely.piece < likely.style < likely.kind < 1


def test_the_more_similar_a_match_the_likelier_it_is_each_of_them():
    less, more = (KINSHIP.likelihood(similarity, OTHERS, 0.9) for similarity in (0.7, 0.71))
    assert all(getattr(more, name) > getattr(less, name) for name in ("piece", "style", "kind"))


@pytest.mark.parametrize(
    ("likely", "words"),
    [
        (Likelihood(0.5, 0.6, 0.9), "the same piece"),
        (Likelihood(0.4, 0.6, 0.9), "the same style"),
        (Likelihood(0.4, 0.4, 0.9), "the same kind of thing"),
        (Likelihood(0.1, 0.2, 0.49), "something similar"),
    ],
)
def test_the_words_are_the_narrowest_that_are_as_likely_as_not(likely, words):
    assert likely.words == words


def test_it_travels_as_json():
    assert Kinship.from_dict(json.loads(json.dumps(asdict(KINSHIP)))) == KINSHIP
