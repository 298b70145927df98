"""What a storage is asked, with a deadline: a disk or a network folder that hangs holds whoever asks it for ever."""

import errno
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")
# Seconds. A storage that answers at all takes less than one, and a disk that writes a great deal else a few. A proxy
# waits for thirty.
PATIENCE = 10
# Calls that hang at once, of each kind: a second one says that it is not a file that hangs, but all of them.
MOST_HANGING = 2


class StorageSilent(TimeoutError):  # noqa: N818  it names the state of the storage
    """The storage did not answer in time, or hangs since earlier calls."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "it does not answer")

    def __str__(self) -> str:
        return str(self.strerror)


class Deadline:
    """Calls of one kind. Each is made in a thread of its own, which takes 60 µs, and waited for for PATIENCE seconds.

    Nobody can end a call that hangs. So it goes on by itself. While MOST_HANGING do, no other is begun, and while one
    for a file does, no other for that file: a file that hangs for ever costs one thread, however often it is asked for.
    """

    def __init__(self) -> None:
        self._late: dict[object, Future[Any]] = {}
        self._lock = threading.Lock()

    def hangs(self) -> bool:
        """Whether MOST_HANGING calls that were given up still go on."""
        return len(self._hanging()) >= MOST_HANGING

    def _hanging(self) -> Collection[object]:
        with self._lock:
            self._late = {file: future for file, future in self._late.items() if not future.done()}
            return self._late.keys()

    def call(self, work: Callable[[], T], file: str = "", when_late: Callable[[T], object] | None = None) -> T:
        """What `work` returns or raises; it may not ask the database. Raises StorageSilent.

        `when_late` gets the result of a call that was given up, once the storage answers.
        """
        hanging = self._hanging()
        if len(hanging) >= MOST_HANGING or file in hanging:
            raise StorageSilent
        future = begun(work)
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            if future.done():  # It has just ended, or raised such an error itself.
                return future.result()
        with self._lock:
            self._late[file or object()] = future
        if when_late is not None:
            future.add_done_callback(lambda late: None if late.exception() else when_late(late.result()))
        raise StorageSilent


def begun(work: Callable[[], T]) -> "Future[T]":
    """The result to come of work in a thread of its own, which does not hold up the end of the process."""
    future: Future[T] = Future()
    context = copy_context()

    def run() -> None:
        try:
            future.set_result(context.run(work))
        except BaseException as error:  # Whoever waits for it raises it.
            future.set_exception(error)

    threading.Thread(target=run, name="storage", daemon=True).start()
    return future


# A disk that cannot be written to may well be read.
READS, WRITES = Deadline(), Deadline()
