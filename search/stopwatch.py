"""The time that each stage of a query took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Runs from the moment it is made; `stage` times a part, or a further part of the same stage."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._stages[name] = self._stages.get(name, 0.0) + time.perf_counter() - begun

    def timings_ms(self) -> dict[str, float]:
        """Milliseconds per stage, and in total since the start."""
        seconds = {**self._stages, "total": time.perf_counter() - self._started}
        return {name: round(1000 * value, 2) for name, value in seconds.items()}
