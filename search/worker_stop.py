"""Whether the worker that this process belongs to was told to stop: a long task then ends soon.

Celery tells only the parent, which waits for the task. The children share an event with it, since they are forked.
"""

from multiprocessing import Event
from multiprocessing.synchronize import Event as Told
from typing import Any

from celery.signals import worker_init, worker_shutting_down

_told: Told | None = None


@worker_init.connect
def prepare(**kwargs: Any) -> None:
    global _told
    _told = Event()


@worker_shutting_down.connect
def tell(**kwargs: Any) -> None:
    if _told:
        _told.set()


def is_told() -> bool:
    return _told is not None and _told.is_set()
