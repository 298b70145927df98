"""Which origins' pages may read answers: those of live publishable keys."""

import math
import time
from contextlib import suppress
from threading import Lock
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpRequest
from psycopg_pool import PoolTimeout

from access.models import Key

KEPT = 10  # Seconds that a process keeps them. Saving a key makes its process read them anew at once.


class _Kept:
    """The origins of live publishable keys, read at most once in KEPT seconds."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._origins: frozenset[str] = frozenset()
        self._read_at = -math.inf

    def forget(self) -> None:
        self._read_at = -math.inf

    def has(self, origin: str) -> bool:
        with self._lock:
            if time.monotonic() >= self._read_at + KEPT:
                self._read()
            return origin in self._origins

    def _read(self) -> None:
        self._read_at = time.monotonic()
        with suppress(DatabaseError, PoolTimeout):  # Pages go on to read answers, of outages as well.
            found = Key.objects.live().publishable().values_list("origins", flat=True)
            self._origins = frozenset(one for origins in found for one in origins)


kept = _Kept()


def may_read(request: HttpRequest, **kwargs: Any) -> bool:
    """Whether a page of the request's origin may read its answer: django-cors-headers asks."""
    origin = request.headers.get("Origin")
    return origin is not None and request.path_info.startswith("/api/v1/") and kept.has(origin)


def forget(**kwargs: Any) -> None:
    """A key was saved."""
    kept.forget()
