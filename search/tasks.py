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
    """Index what is pending; when nothing is left, train the heads that are due."""
    bell.silence()
    ends = time.monotonic() + TURN
    for space in Space.objects.indexed_into():
        while settled := indexing.index_batch(space):
            logger.info("%s: %d photos settled", space, settled)
            if time.monotonic() > ends:
                bell.ring()
                return
        if head := training.train_if_due(space):
            logger.info("%s: head trained, held-out accuracy %.3f", space, head.metrics["top1"])


# A long build outlives the broker's visibility timeout, so it is acknowledged at its start; beat asks again anyway.
@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def maintain() -> None:
    """Build the indexes that grown leaves lack, drop the leaves of deleted categories."""
    if changed := spaces.maintain():
        logger.info("maintained %s", ", ".join(changed))


@worker_ready.connect
def look_at_once(**kwargs: Any) -> None:
    """What became pending while no worker ran does not wait for beat."""
    index_pending.delay()
