"""What a storage is asked, with a deadline: a disk or a network folder that hangs holds whoever asks it for ever."""

import errno
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Late = Callable[[Any], object]
# Seconds. A storage that answers at all takes less than one, and a disk that writes a great deal else a few. A proxy
# waits for thirty.
PATIENCE = 10
SLOW, SILENT = 0.1, 0.8  # Parts of it, after which a probe begins, and a probe without an answer has failed.
# Calls of each kind under way. At most eight threads of a process ask at once; the others are for files that hang.
MOST = 16
MOST_LATE = 2 * MOST  # Results kept that came too late, of some hundred kB each.
# Seconds that one is kept. Indexing asks again after its batch and a rest: 64 photos, of which four threads wait ten
# seconds each, and half a minute. Customers are not to be shown for long what another process has deleted.
LATE_SECONDS, LATE_FOR_CUSTOMERS = 600, 60
WAITING = 2  # Threads of a web process, of the four that serve pages and photos, that wait for a slow storage.


class StorageSilent(TimeoutError):  # noqa: N818  it names the state of the storage
    """The storage did not answer in time, or hangs since earlier calls."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "it does not answer")

    def __str__(self) -> str:
        return str(self.strerror)


class Call(threading.Thread, Generic[T]):
    """Work in a thread of its own, which takes 60 µs, and does not hold up the end of the process."""

    def __init__(self, work: Callable[[], T], file: str = "", when_late: Late | None = None) -> None:
        super().__init__(name="storage", daemon=True)
        self.begun_at, self.ended_at, self.file = time.monotonic(), math.inf, file
        self.future: Future[T] = Future()
        """Cancelled if it was given up for good: `when_late` gets what comes then."""
        self._work, self._context, self._when_late = work, copy_context(), when_late
        self.start()

    def run(self) -> None:
        try:
            try:
                made = self._context.run(self._work)
            finally:
                self.ended_at = time.monotonic()
        except BaseException as error:  # Whoever waits for it raises it.
            if self.future.set_running_or_notify_cancel():
                self.future.set_exception(error)
        else:
            if self.future.set_running_or_notify_cancel():
                self.future.set_result(made)
            elif self._when_late:
                self._when_late(made)

    def is_of_use(self, since: float) -> bool:
        """Whether it is under way, or has a result, no older than that, for whoever asks for its file next."""
        return self.is_alive() or bool(self.file and self.ended_at >= since and not self.future.exception())


class Deadline:
    """Calls of one kind. Nobody can end one that hangs, so it goes on by itself, and MOST of them do at most.

    While one takes long, a probe tells whether the storage answers otherwise. If not, no other call is begun.
    """

    places = threading.Semaphore(1_000)
    """For the threads of the process that wait for a slow storage."""
    late_seconds = LATE_SECONDS
    """For which the process keeps what came too late."""

    def __init__(self, probe: Callable[[], object]) -> None:
        self.probe = probe
        self._probing: Call[object] | None = None
        self._calls: list[Call[Any]] = []
        self._lock = threading.Lock()

    def hangs(self) -> bool:
        """Whether no call is begun: the storage as a whole does not answer, or too many calls are under way."""
        return self._is_silent() or sum(call.is_alive() for call in self._calls) >= MOST

    def call(self, work: Callable[[], T], file: str = "", when_late: Late | None = None, more: float = 0) -> T:
        """What `work` returns or raises; it may not ask the database. Raises StorageSilent after PATIENCE + `more` s.

        Who asks for a `file` waits for the call for it that is under way, and gets at once what came too late for
        another. Of a call without a file, `when_late` gets what comes too late, in its thread.
        """
        if isinstance(threading.current_thread(), Call):  # Who called it has a deadline.
            return work()
        with self._lock:
            call = self._found_or_begun(work, file, when_late)
        if not self._is_answered(call, call.begun_at + PATIENCE + more) and (file or call.future.cancel()):
            raise StorageSilent
        with self._lock, suppress(ValueError):  # Another who waited for it was first.
            self._calls.remove(call)
        return call.future.result()

    def forget(self, file: str) -> None:
        """Whoever asks for the file from now on gets nothing of a call that is under way or came too late."""
        with self._lock:
            for call in self._calls:
                if call.file == file:
                    call.file = ""

    def _found_or_begun(self, work: Callable[[], T], file: str, when_late: Late | None) -> Call[T]:
        since = time.monotonic() - self.late_seconds
        of_use = [call for call in self._calls if call.is_of_use(since)]
        live = [call for call in of_use if call.is_alive()]
        # Those stay that are there. If new ones pushed them out, who asks for many files in turn would get none, ever.
        self._calls = [call for call in of_use if call not in live][:MOST_LATE] + live
        if found := [call for call in self._calls if file and call.file == file]:
            return found[0]
        if self.hangs():
            raise StorageSilent
        self._calls.append(call := Call(work, file, when_late))
        return call

    def _is_answered(self, call: Call[Any], until: float) -> bool:
        """Whether a call ends by a time of the monotonic clock. Nobody waits on once the storage is silent."""
        wait([call.future], min(SLOW * PATIENCE, max(0, until - time.monotonic())))
        if call.future.done():
            return True
        with self._lock:
            if self._probing is None or self._probing.future.done():
                self._probing = Call(self.probe)
        if self.places.acquire(blocking=False):
            try:
                while not (call.future.done() or self._is_silent()) and (left := until - time.monotonic()) > 0:
                    wait([call.future], min(SLOW * PATIENCE, left))
            finally:
                self.places.release()
        return call.future.done()

    def _is_silent(self) -> bool:
        if (probe := self._probing) is None or probe.future.done():
            return False
        return time.monotonic() > probe.begun_at + SILENT * PATIENCE


def serve_customers() -> None:
    """From now on at most WAITING threads wait for a slow storage, and late results are kept for a short time.

    The other threads give up after a second.
    """
    Deadline.places = threading.Semaphore(WAITING)
    Deadline.late_seconds = LATE_FOR_CUSTOMERS
