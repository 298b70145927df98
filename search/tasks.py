"""What the workers do. A message is a bell: it carries no data, and losing or repeating one harms nothing."""

import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from celery.utils.log import get_task_logger

from search import bell, indexing, spaces, training
from search.models import Space

logger = get_task_logger(__name__)
# Seconds that one task goes on taking batches: Ctrl-C and a deployment wait for its end.
TURN = 10
DAY = 86_400  # Seconds: an index over millions of photos takes hours.


@shared_task
def index_pending() -> None:
    """Index what is pending; when nothing is left, have the heads trained that are due."""
    bell.silence()
    ends = time.monotonic() + TURN
    for space in Space.objects.indexed_into():
        while settled := indexing.index_batch(space):
            logger.info("%s: %d photos settled", space, settled)
            if time.monotonic() > ends:
                bell.ring()
                return
        if training.is_due(space):
            train_head.apply_async(expires=bell.TIMEOUT)


# What takes long outlives the broker's visibility timeout, so it is acknowledged at its start; bells ring again anyway.
@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def train_head() -> None:
    """Train the heads that are due; a message too many finds none."""
    for space in Space.objects.indexed_into():
        if head := training.train_if_due(space):
            logger.info("%s: head trained, held-out accuracy %.3f", space, head.metrics["top1"])


@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def maintain() -> None:
    """Build the indexes that grown leaves lack, drop the leaves of deleted categories."""
    if changed := spaces.maintain():
        logger.info("maintained %s", ", ".join(changed))


@worker_ready.connect
def look_at_once(**kwargs: Any) -> None:
    """What became pending while no worker ran does not wait for beat."""
    index_pending.apply_async(expires=bell.TIMEOUT)
