"""Doing the same to very many files: a few at a time, with bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
# A photo in an object storage is mostly waited for. On a disk one thread is as fast.
THREADS = 8
AHEAD = 4 * THREADS  # A pool would take all items at once.


def each(do: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `do` makes of the items, as each is done: one that hangs holds up no others. The first exception ends it."""
    remaining = iter(items)
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            waiting = {pool.submit(do, item) for item in islice(remaining, AHEAD)}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                waiting |= {pool.submit(do, item) for item in islice(remaining, len(done))}
                yield from (one.result() for one in done)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
