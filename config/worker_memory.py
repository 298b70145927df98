"""Memory that a worker gives back to the system.

Photos of ever other sizes leave gaps in the heap, which glibc keeps. Over ten thousand photos a worker grew by 50 MB
that no object held.
"""

import ctypes
import time
from collections.abc import Callable
from typing import Any

from celery.signals import task_postrun

SELDOM = 10  # Seconds between two times: one takes milliseconds, and an upload rings for a task of its own.
# Only glibc has it, and only glibc needs it.
_trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
_trimmed_at = 0.0


@task_postrun.connect
def give_back(**kwargs: Any) -> None:
    global _trimmed_at
    if _trim and time.monotonic() > _trimmed_at + SELDOM:
        _trim(0)
        _trimmed_at = time.monotonic()
