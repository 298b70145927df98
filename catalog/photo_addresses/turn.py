"""A turn of asking addresses: some at once, few of one host, each host in its turn.

Threads wait for servers and for decoders. They make no query: what they bring is written down here, some at a time.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

from django.conf import settings
from django.db import DatabaseError, OperationalError

from catalog.fetching.answers import NotFetched
from catalog.fetching.client import Client, Limits, shops_client
from catalog.photo_addresses.host_rests import HostRests
from catalog.photo_addresses.leases import forgive, give_back, hosts, is_deadly, is_fresh, take
from catalog.photo_addresses.settling import Brought, Lease, Settled, settle
from catalog.photos import Picture
from metrics import fetching as counted
from ml.images import DecodersBusy, UnreadablePhoto

logger = logging.getLogger(__name__)
# Of one host at once, as browsers have six. With many hosts each has fewer, so that slow ones hold up no others.
AT_ONE_HOST = 4
# Leased ahead of a host: a query for each address would take as long as a fast server.
AHEAD = 8
LIMITS = Limits()
# Seconds until it looks for hosts again that have something pending.
FRESH = 2.0
# Seconds that it waits for a thread before it looks whether it is to stop.
PATIENCE = 0.2
Found = Brought | NotFetched
DEADLY = NotFetched("deadly", "The workers that asked for it were killed, time and again. It may take too much memory.")


class Turn:
    """One go at what is pending. Iterating it yields what became of each address.

    It ends when nothing is left, or after so many seconds or addresses: then those that are being asked are waited for,
    half a minute at most. If `stopping` says so, it ends within a moment, and they are due again.
    """

    def __init__(
        self,
        seconds: float = float("inf"),
        most: float = float("inf"),
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._deadline = time.monotonic() + seconds
        self._left = most
        self._stopping = stopping
        self._client = shops_client()
        self._slots = settings.FETCH_REQUESTS
        self._rests = HostRests()
        self._ahead: dict[str, deque[Lease]] = {}
        self._hosts: deque[str] = deque()
        self._looked_at = float("-inf")
        self._asked: dict[int, Lease] = {}
        self._at_host: Counter[str] = Counter()
        self._todo: SimpleQueue[Lease | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[Lease, Found]] = SimpleQueue()

    @property
    def is_cut(self) -> bool:
        """Whether the time was over before all was done."""
        return time.monotonic() >= self._deadline

    @property
    def is_over(self) -> bool:
        """Whether no more is to be begun, although something may be left."""
        return self._left < 1 or self.is_cut or self._stopping()

    def __iter__(self) -> Iterator[Settled]:
        for number in range(self._slots):
            # Not of concurrent.futures: the end of the process would wait for a server.
            threading.Thread(target=self._serve, name=f"fetch-{number}", daemon=True).start()
        try:
            while True:
                self._begin()
                if not self._asked or self._stopping():
                    return
                found = self._gather()
                self._begin()  # Threads ask and decode while this one writes down.
                yield from self._settle(found)
        finally:
            for _ in range(self._slots):
                self._todo.put(None)
            if not self._asked:  # Otherwise threads are using it still.
                self._client.close()
            give_back([*self._asked.values(), *(lease for ahead in self._ahead.values() for lease in ahead)])

    def _begin(self) -> None:
        """Give free threads something to ask, of one host after the other."""
        if self.is_over:
            return
        self._look()
        idle = 0  # Hosts in a row that had nothing for us.
        while self._hosts and len(self._asked) < self._slots and idle < len(self._hosts) and self._left >= 1:
            host = self._hosts[0]
            self._hosts.rotate(-1)
            lease = self._next(host)
            idle = 0 if lease else idle + 1
            if lease:
                self._left -= 1
                self._at_host[host] += 1
                self._asked[lease.address.pk] = lease
                self._todo.put(lease)

    def _look(self) -> None:
        """See which hosts have something pending."""
        if time.monotonic() < self._looked_at + FRESH and (self._hosts or self._asked):
            return
        self._looked_at = time.monotonic()
        pending = set(hosts()) | {host for host, ahead in self._ahead.items() if ahead}
        self._rests.read(pending)
        self._hosts = deque(host for host in self._hosts if host in pending)
        self._hosts.extend(sorted(pending - set(self._hosts)))

    def _next(self, host: str) -> Lease | None:
        if self._rests.rests(host):
            give_back(self._ahead.pop(host, ()))
            return None
        share = max(1, min(AT_ONE_HOST, self._slots // len(self._hosts)))
        if self._at_host[host] >= share:
            return None
        ahead = self._ahead.setdefault(host, deque())
        while ahead and not is_fresh(ahead[0]):  # The host is slow.
            give_back([ahead.popleft()])
        if not ahead:
            ahead.extend(take(host, int(min(AHEAD, self._left))))
        if not ahead:
            self._hosts.remove(host)  # Until it is looked for again.
            return None
        return ahead.popleft()

    def _gather(self) -> list[tuple[Lease, Found]]:
        """What threads have brought, waiting for a moment if none has."""
        found: list[tuple[Lease, Found]] = []
        try:
            found.append(self._done.get(timeout=PATIENCE))
            while True:
                found.append(self._done.get_nowait())
        except Empty:
            pass
        for lease, brought in found:
            del self._asked[lease.address.pk]
            self._at_host[lease.address.host] -= 1
            self._rests.note(lease.address.host, brought)
        return found

    def _settle(self, found: list[tuple[Lease, Found]]) -> Iterator[Settled]:
        for each in settled(found) if found else ():
            counted.count(each.code or each.outcome)
            yield each

    def _serve(self) -> None:
        """What each thread does."""
        while lease := self._todo.get():
            try:
                found = DEADLY if is_deadly(lease) else ask(self._client, lease)
            except Exception:  # Whatever an address does, others wait behind it.
                logger.exception("An address of %s could not be asked", lease.address.host)
                found = NotFetched("not_asked", "It could not be asked: the worker's log says why.", may_pass=True)
            self._done.put((lease, found))


def settled(found: list[tuple[Lease, Found]]) -> list[Settled]:
    """What became of them, written down. A database or a disk that fails is not held against them."""
    try:
        return settled_in_two_goes(found)
    except (DatabaseError, OSError):
        with suppress(DatabaseError):
            forgive(lease for lease, _ in found)
        raise


def settled_in_two_goes(found: list[tuple[Lease, Found]]) -> list[Settled]:
    try:
        return settle(found)
    except OperationalError as error:  # As the database ends one of those in a deadlock.
        logger.warning("Addresses are settled once more: %s", type(error.__cause__ or error).__name__)
        return settle(found)


def ask(client: Client, lease: Lease) -> Found:
    """What the address brings, decoded. Makes no query."""
    address = lease.address
    begun = time.monotonic()
    try:
        answer = client.fetch(address.url, LIMITS, address.etag, address.last_modified)
    except NotFetched as failure:
        return failure
    finally:
        counted.DURATION.observe(time.monotonic() - begun)
    etag, last_modified = answer.etag or address.etag, answer.last_modified or address.last_modified
    if answer.not_modified:
        return Brought(None, etag, last_modified)
    counted.BYTES.inc(answer.size)
    picture = Picture(answer.body)
    if picture.sha256 == address.sha256:
        return Brought(None, answer.etag, answer.last_modified)
    try:
        picture.decode()
    except UnreadablePhoto as error:
        return NotFetched("no_photo", error.message)
    except DecodersBusy as error:
        return NotFetched("decoders_busy", str(error), may_pass=True)
    return Brought(picture, answer.etag, answer.last_modified)
