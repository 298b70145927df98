"""Memory that a worker gives back after its tasks."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from config import worker_memory


class Node:
    """What holds itself, as an error and its traceback do."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture(autouse=True)
def python_looks_for_no_garbage() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_garbage_is_gone_after_a_task(monkeypatch):
    monkeypatch.setattr(worker_memory, "_given_back_at", -worker_memory.SELDOM)
    left = weakref.ref(Node())
    worker_memory.give_back()
    assert left() is None


def test_after_the_next_task_nobody_looks_again_so_soon(monkeypatch):
    monkeypatch.setattr(worker_memory, "_given_back_at", -worker_memory.SELDOM)
    worker_memory.give_back()
    left = weakref.ref(Node())
    worker_memory.give_back()
    assert left() is not None
