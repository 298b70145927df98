"""What the workers do. A message is a bell: it carries no data, and losing or repeating one harms nothing."""

import time
from typing import Any

from celery import shared_task
from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from django.conf import settings

from ml.recipes import WeightsError
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
    while time.monotonic() < ends:
        # The live space comes first: another one is built only while nothing is pending there.
        if not any(_take_batch(space) for space in Space.objects.indexed_into()):
            if any(training.is_due(space) for space in Space.objects.indexed_into()):
                train_head.apply_async(expires=bell.TIMEOUT)
            return
    bell.ring()


def _take_batch(space: Space) -> int:
    building = space.state == Space.State.BUILDING
    try:
        if building:
            settled = indexing.index_gently(space, indexing.BUILDING_BATCH, settings.BUILD_SHARE)
        else:
            settled = indexing.index_batch(space)
    except WeightsError:
        if not building:
            raise
        logger.exception("%s cannot be built", space)  # That is no reason to leave the live space without a head.
        return 0
    if settled:
        logger.info("%s: %d photos settled", space, settled)
    return settled


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
