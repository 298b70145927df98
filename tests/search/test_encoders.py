"""The models that a process holds: the newest head is in use, and kept for some seconds."""

import numpy as np
import pytest

from ml.classifier import Judgement
from search import encoders, head_training
from search.models import Space

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(photo, category):
    """Reddish lamps and bluish beds, ten of each."""
    for shade in range(10):
        photo((200 + 5 * shade, 10, 10), "lamp")
        photo((10, 10, 200 + 5 * shade), "bed")


def judged(space: Space, vector: np.ndarray) -> Judgement:
    judgement = encoders.judgement(space, vector)
    assert judgement is not None
    return judgement


def test_without_a_head_nothing_is_judged(space):
    assert encoders.judgement(space, np.ones(48, np.float32)) is None


def test_another_process_s_first_head_is_in_use_at_once_and_its_next_one_after_seconds(
    space, shop, photo, index, monkeypatch, clock
):
    index()
    monkeypatch.setattr(encoders, "forget_heads", lambda: None)  # The other process forgets only its own.
    query = np.ones(48, np.float32)
    assert encoders.judgement(space, query) is None
    head_training.train(space)
    first = judged(space, query)
    for green in range(200, 210):
        photo((10, green, 10), "table")
    index()
    head_training.train(space)
    clock[0] += encoders.KEPT - 0.5
    assert judged(space, query).probabilities == first.probabilities
    clock[0] += 0.5
    assert len(judged(space, query).probabilities) == len(first.probabilities) + 1
