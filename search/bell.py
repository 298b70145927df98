"""The bells that wake a worker: one for photos, one for imports.

One ring is enough however many photos arrive before a worker answers: while a bell waits in the queue no second one is
sent. The worker silences it before it looks for pending photos, so a photo committed later rings again.
"""

import logging

import redis
from celery import current_app
from django.core.cache import cache
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)
INDEX, IMPORT = "search.tasks.index_pending", "search.tasks.import_pending"
# Seconds after which a ring that nobody answered (a worker or Redis died) may be repeated; beat rings as often.
TIMEOUT = 30


def key(task: str) -> str:
    return f"lamplight:bell:{task}"


def ring(task: str = INDEX) -> None:
    """Ask for what is pending to be done soon. Never fails: a lost ring is rung again by beat."""
    try:
        if cache.add(key(task), 1, TIMEOUT):
            current_app.send_task(task, expires=TIMEOUT, retry=False)
    except (redis.RedisError, OperationalError) as error:
        logger.warning("The bell of %s was not rung, beat will: %s", task, error)


def send(task: str, *arguments: int) -> None:
    """Ask a worker for a task that somebody waits for. Raises kombu's OperationalError when Redis does not answer."""
    current_app.send_task(task, arguments, retry=False)


def silence(task: str = INDEX) -> None:
    """A worker has heard the bell."""
    try:
        cache.delete(key(task))
    except redis.RedisError as error:
        logger.warning("The bell of %s could not be silenced: %s", task, error)
