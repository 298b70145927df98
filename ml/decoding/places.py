"""Who may decode now: so many photos at once, of so much memory, and a few slow ones beside them, of as much again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from metrics import decoders as metrics
from ml.decoding.problems import DecodersBusy


class Place:
    """The right to decode one photo."""

    def __init__(self, lane: "Lane", slow_lane: "Lane", memory: int) -> None:
        self._lane, self._slow_lane, self._memory = lane, slow_lane, memory

    @property
    def is_slow(self) -> bool:
        return self._lane is self._slow_lane

    def slow_down(self) -> None:
        """Leave place and memory to the next photos, and take slow ones. Raises DecodersBusy if there are none."""
        if not self.is_slow:
            self._slow_lane.take(self._memory, patience=0)
            self.leave()
            self._lane = self._slow_lane

    def leave(self) -> None:
        self._lane.give_back(self._memory)


class Lane:
    """Places and memory, counted for all threads."""

    def __init__(self, name: str, places: int, memory: int) -> None:
        self.name = name
        self.places, self.memory = places, memory
        self._changed = threading.Condition()

    def take(self, memory: int, patience: float) -> None:
        """Raises DecodersBusy if a place and so much memory are not to be had within `patience` seconds."""
        with metrics.WAITING.labels(self.name).track_inprogress(), self._changed:
            if not self._changed.wait_for(lambda: self.places and self.memory >= memory, patience):
                metrics.REFUSED.labels(self.name).inc()
                raise DecodersBusy
            self.places -= 1
            self.memory -= memory
        metrics.IN_USE.labels(self.name).inc()

    def give_back(self, memory: int) -> None:
        with self._changed:
            self.places += 1
            self.memory += memory
            self._changed.notify_all()
        metrics.IN_USE.labels(self.name).dec()


class Places:
    """The lanes of a process: the usual one, and that of slow photos. Each has so much memory."""

    def __init__(self, quick: int, slow: int, memory: int) -> None:
        self.quick, self.slow = Lane("quick", quick, memory), Lane("slow", slow, memory)
        metrics.PLACES.labels("quick").set(quick)
        metrics.PLACES.labels("slow").set(slow)

    @contextmanager
    def taken(self, memory: int, patience: float) -> Iterator[Place]:
        """A place and so much memory, for the length of the block.

        Raises DecodersBusy if they are not to be had within `patience` seconds.
        """
        self.quick.take(memory, patience)
        place = Place(self.quick, self.slow, memory)
        try:
            yield place
        finally:
            place.leave()
