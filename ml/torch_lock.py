"""Lets either many threads run networks in torch or one thread build a network.

Building changes what belongs to the whole process: tracing replaces nn.Module.__call__ for all threads, and random
weights are drawn from torch's one generator.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Gate:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._turn, self._changed = threading.RLock(), threading.Condition()
        self._running = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        with self._turn, self._changed:
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._turn:  # Threads take turns, so runs do not overtake one that waits to be alone for ever.
            with self._changed:
                self._changed.wait_for(lambda: not self._running)
            yield


_gate = _Gate()
running, alone = _gate.running, _gate.alone
os.register_at_fork(after_in_child=_gate.reset)  # The parent's threads are gone: none would let others in.
