"""The bells that wake a worker: one for photos, one for imports, one for feeds, one for photos at web addresses.

One ring is enough, however many photos arrive before a worker answers: no second one is sent while one waits in the
queue. The worker silences the bell before it looks for pending photos, so a photo committed later rings again.
"""

import logging
import time

import redis
from celery import current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
INDEX, IMPORT = "search.tasks.index_pending", "search.tasks.import_pending"
FEEDS = "search.tasks.read_feeds"
FETCH = "search.tasks.fetch_pending"
# Seconds until a ring that nobody answered (a worker or Redis died) may be repeated; beat rings as often.
TIMEOUT = 30
# Seconds in which a process rings no bell after Redis failed. One that hangs takes a second to fail: it delays one
# upload then, not each, nor each batch of an import.
PAUSE = 10

_paused_until = 0.0


def key(task: str) -> str:
    return f"lamplight:bell:{task}"


def ring(task: str = INDEX) -> None:
    """Ask a worker to do soon what is pending. Never fails: beat rings again if a ring is lost."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return
    try:
        if cache.add(key(task), 1, TIMEOUT):
            current_app.send_task(task, expires=TIMEOUT, retry=False)
    except (redis.RedisError, OperationalError) as error:
        _paused_until = time.monotonic() + PAUSE
        logger.warning("The bell of %s was not rung, beat will: %s", task, error)


def send(task: str, *arguments: int) -> None:
    """Ask a worker for a task that somebody waits for. Raises kombu's OperationalError when Redis does not answer."""
    current_app.send_task(task, arguments, retry=False)


def silence(task: str = INDEX) -> None:
    """Let the bell ring again: a worker has heard it."""
    try:
        cache.delete(key(task))
    except redis.RedisError as error:
        logger.warning("The bell of %s could not be silenced: %s", task, error)
