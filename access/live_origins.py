"""Which origins' pages may read answers: those of live publishable keys."""

import math
import time
from contextlib import suppress
from threading import Lock
from typing import Any

from django.core.exceptions import DisallowedHost
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.http import HttpRequest
from psycopg_pool import PoolTimeout

from access.models import Key

KEPT = 10  # Seconds that a process keeps them. Saving a key makes its process read them anew at once.
PATIENCE = 500  # Milliseconds that the request which reads them waits for the database, which takes one.


class _Kept:
    """The origins of live publishable keys, read at most once in KEPT seconds, by one request at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._origins: frozenset[str] = frozenset()
        self._forgotten = True
        self._read_at = -math.inf

    def forget(self) -> None:
        self._forgotten = True

    def has(self, origin: str) -> bool:
        """While another request reads them, the answer is of what was read before; at first it waits for that."""
        if self._is_stale() and self._lock.acquire(blocking=self._read_at == -math.inf):
            try:
                if self._is_stale():
                    self._read()
            finally:
                self._lock.release()
        return origin in self._origins

    def _is_stale(self) -> bool:
        return self._forgotten or time.monotonic() >= self._read_at + KEPT

    def _read(self) -> None:
        self._forgotten = False
        with suppress(DatabaseError, PoolTimeout):  # Pages go on to read answers, of outages as well.
            self._origins = _origins_of_keys()
        self._read_at = time.monotonic()  # After it: a database that hangs delays one request in KEPT seconds.


def _origins_of_keys() -> frozenset[str]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        [usual] = cursor.fetchone() or ["0"]
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PATIENCE)])
        found = list(Key.objects.live().publishable().values_list("origins", flat=True))
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [usual])  # It may be another's transaction.
    return frozenset(one for origins in found for one in origins)


kept = _Kept()


def may_read(request: HttpRequest, **kwargs: Any) -> bool:
    """Whether a page of the request's origin may read its answer: django-cors-headers asks."""
    origin = request.headers.get("Origin")
    if origin is None or not request.path_info.startswith("/api/v1/") or origin == _own(request):
        return False  # Browsers let pages of the same origin read what they like.
    return kept.has(origin)


def _own(request: HttpRequest) -> str | None:
    with suppress(DisallowedHost):  # It is refused by and by, with an answer.
        return f"{request.scheme}://{request.get_host()}"
    return None


def forget(using: str | None = None, **kwargs: Any) -> None:
    """A key was saved. Read before the transaction's end, the origins would be the former ones."""
    transaction.on_commit(kept.forget, using=using)
