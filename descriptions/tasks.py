"""What the workers do beside indexing. A message is a bell: it carries no data, and losing one harms nothing."""

import time

from celery import shared_task
from celery.utils.log import get_task_logger

from descriptions import tagging
from search.models import Space

logger = get_task_logger(__name__)
# Seconds that one task goes on taking batches: other upkeep waits for its end.
TURN = 30
DAY = 86_400


# Learning takes minutes in a large shop, so the message is acknowledged at its start: bells ring again anyway.
@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def tag_pending() -> None:
    """Learn from the shop's attributes when that is due, and tell those that products lack."""
    space = Space.objects.live()
    if space is None:
        return
    if tagger := tagging.learn_if_due(space):
        logger.info("%s: learned to tell %s", space, ", ".join(tagger.told) or "no attribute")
    tagger, begun, count = tagging.newest_tagger(space), time.monotonic(), 0
    while tagger and time.monotonic() < begun + TURN and (done := tagging.tag_batch(tagger)):
        count += done
    if count:
        logger.info("%d products looked at for tags, %.1f a second", count, count / (time.monotonic() - begun))
