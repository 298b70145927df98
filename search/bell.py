"""The bell that wakes a worker.

One ring is enough however many photos arrive before a worker answers: while a bell waits in the queue no second one is
sent. The worker silences it before it looks for pending photos, so a photo committed later rings again.
"""

import logging

import redis
from celery import current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
KEY = "lamplight:index-bell"
# Seconds after which a ring that nobody answered (a worker or Redis died) may be repeated; beat rings as often.
TIMEOUT = 30


def ring() -> None:
    """Ask for pending photos to be indexed soon. Never fails: a lost ring is rung again by beat."""
    try:
        if cache.add(KEY, 1, TIMEOUT):
            current_app.send_task("search.tasks.index_pending", expires=TIMEOUT, retry=False)
    except (redis.RedisError, OperationalError) as error:
        logger.warning("The index bell was not rung, beat will: %s", error)


def send(task: str, *arguments: int) -> None:
    """Ask a worker for a task that somebody waits for. Raises kombu's OperationalError when Redis does not answer."""
    current_app.send_task(task, arguments, retry=False)


def silence() -> None:
    """A worker has heard the bell."""
    try:
        cache.delete(KEY)
    except redis.RedisError as error:
        logger.warning("The index bell could not be silenced: %s", error)
