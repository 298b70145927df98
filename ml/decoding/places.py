"""Who may decode now: so many photos at once, of so much memory, and a few of them slowly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ml.decoding.problems import DecodersBusy


class Place:
    """The right to decode one photo."""

    def __init__(self, places: "Places") -> None:
        self._places = places
        self.is_slow = False

    def slow_down(self) -> None:
        """Give the place to the next photo, and take a slow one. Raises DecodersBusy if there is none."""
        with self._places.changed:
            if not self._places.slow:
                raise DecodersBusy
            self._places.slow -= 1
            self._places.quick += 1
            self.is_slow = True
            self._places.changed.notify_all()


class Places:
    """Counts places and memory, for all threads."""

    def __init__(self, quick: int, slow: int, memory: int) -> None:
        self.quick, self.slow, self.memory = quick, slow, memory
        self.changed = threading.Condition()

    @contextmanager
    def taken(self, memory: int, patience: float) -> Iterator[Place]:
        """A place and so much memory, for the length of the block.

        Raises DecodersBusy if they are not to be had within `patience` seconds.
        """
        place = Place(self)
        with self.changed:
            if not self.changed.wait_for(lambda: self.quick and self.memory >= memory, patience):
                raise DecodersBusy
            self.quick -= 1
            self.memory -= memory
        try:
            yield place
        finally:
            with self.changed:
                self.memory += memory
                if place.is_slow:
                    self.slow += 1
                else:
                    self.quick += 1
                self.changed.notify_all()
