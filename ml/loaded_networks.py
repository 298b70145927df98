"""The networks that a process has loaded: each once for all threads, and never inherited through a fork.

Networks are loaded one at a time, whatever their kind, and `load` runs a network of OpenVINO once. The first call of
each of its functions sets up a static variable: it holds the variable's guard and wants Python's lock. A second thread
there at that moment holds Python's lock and wants the guard, and then the whole process stands still for ever.
`python -m benchmarks.boots` counts how often.
"""

import ctypes
import os
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ml.recipes import WeightsError

Network = TypeVar("Network")


@dataclass
class _Place(Generic[Network]):
    """The place of one network, empty until it is loaded."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    network: Network | None = None
    failure: tuple[float, str] | None = None
    """When loading failed last, and why."""


class LoadedNetworks(Generic[Network]):
    """The `most` networks of a kind that were used last."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._start_empty()
        _kinds.add(self)

    def get(self, key: Hashable, load: Callable[[], Network], pause: float = 0) -> Network:
        """The network; threads that ask meanwhile wait for its load, and for that of others before it.

        A network that could not be loaded is not tried again for `pause` seconds. Raises the WeightsError of `load`.
        """
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            if len(self._places) > self.most:
                self._places.popitem(last=False)
        with place.lock:
            if place.network is None:
                if place.failure and time.monotonic() < place.failure[0] + pause:
                    raise WeightsError(place.failure[1])
                try:
                    with _loading:
                        place.network = load()
                except WeightsError as error:
                    place.failure = time.monotonic(), str(error)
                    raise
            return place.network

    def clear(self) -> None:
        with self._lock:
            self._places.clear()

    def abandon(self) -> bool:
        """Start a forked child without networks; whether the parent had any.

        A GPU's memory and computing threads are not inherited, locks may be held. The parent's networks can be neither
        used nor freed, because OpenVINO's destructor would wait for its threads for ever.
        """
        for place in self._places.values():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(place))  # Never freed, not even at exit.
        had = bool(self._places)
        self._start_empty()
        return had

    def _start_empty(self) -> None:
        self._lock = threading.Lock()  # It guards the dictionary alone: who has a network waits for no other's load.
        self._places: OrderedDict[Hashable, _Place[Network]] = OrderedDict()  # The most recently used is last.


_loading = threading.Lock()
_kinds: weakref.WeakSet[LoadedNetworks[Any]] = weakref.WeakSet()


def _abandon_all() -> None:
    """OpenMP's threads do not survive a fork either: torch would wait for them if the parent computed with several."""
    global _loading
    _loading = threading.Lock()
    had = [kind.abandon() for kind in list(_kinds)]
    if any(had) and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


os.register_at_fork(after_in_child=_abandon_all)
