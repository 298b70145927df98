"""Memory that a worker gives back to the system.

Python looks for garbage in what has lived long only after a quarter more has come, which are thousands of photos, and
photos of ever other sizes leave gaps in the heap, which glibc keeps.
"""

import ctypes
import gc
import time
from collections.abc import Callable
from typing import Any

from celery.signals import task_postrun, worker_init

SELDOM = 10  # Seconds between two times: one takes some milliseconds, and an upload rings for a task of its own.
# Only glibc has it, and only glibc needs it.
_trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
_given_back_at = 0.0


@worker_init.connect
def keep_what_was_imported(**kwargs: Any) -> None:
    """Have no search for garbage touch it: that takes long, and copies all that the worker's processes share."""
    gc.collect()
    gc.freeze()


@task_postrun.connect
def give_back(**kwargs: Any) -> None:
    global _given_back_at
    if time.monotonic() > _given_back_at + SELDOM:
        gc.collect()
        if _trim:
            _trim(0)
        _given_back_at = time.monotonic()
