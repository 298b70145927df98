"""Doing the same to very many files: a few at a time, with bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
# A photo in an object storage is mostly waited for. On a disk one thread is as fast.
THREADS = 8
BATCH = 1_000  # A pool would take all items at once.


def each(do: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `do` makes of the items, as each is done: one that hangs holds up no others. The first exception ends it."""
    remaining = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            while batch := list(islice(remaining, BATCH)):
                yield from (done.result() for done in as_completed([pool.submit(do, item) for item in batch]))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
