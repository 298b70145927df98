"""The time that each stage of a query took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Runs from the moment it is made; `stage` times a part, or a further part of the same stage."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self.stages: dict[str, float] = {}
        """Seconds, by stage."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - begun

    def each(self, name: str, items: Iterator[T]) -> Iterator[T]:
        """The items; what was waited for them is a stage."""
        while True:
            with self.stage(name):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds per stage, and in total since the start."""
        seconds = {**self.stages, "total": time.perf_counter() - self._started}
        return {name: round(1000 * value, 2) for name, value in seconds.items()}
