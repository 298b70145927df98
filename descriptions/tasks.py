"""What the workers do beside indexing. A message is a bell, as all are (search.tasks)."""

import time

from celery import shared_task
from celery.utils.log import get_task_logger

from descriptions import caption_leases, captioning, server_rest, tag_learning, tagging
from search import worker_bell
from search.models import Space

logger = get_task_logger(__name__)
# Seconds that one task goes on asking. At its end it waits for the slowest request, while the others' places are idle.
CAPTIONING_TURN = 60
# Seconds that products are looked at for tags: other upkeep waits for its end.
TAGGING_TURN = 30
DAY = 86_400


@shared_task
def caption_pending() -> None:
    """Ask the shop's model about photos that have no caption of it yet."""
    worker_bell.silence(caption_leases.BELL)
    model = captioning.shops_model()
    if model is None or server_rest.current():
        return
    caption_leases.forget_captions_without_photos()
    turn, begun = captioning.Turn(model, CAPTIONING_TURN), time.monotonic()
    outcomes = list(turn)
    made = sum(outcome.failure is None for outcome in outcomes)
    if outcomes:
        logger.info("%d captions made, %.1f a minute", made, 60 * made / (time.monotonic() - begun))
    for outcome in outcomes:
        if outcome.failure:
            logger.warning("%s: no caption: %s", outcome.sku, outcome.failure)
    if turn.stopped_by:
        logger.warning("Captions rest: %s", turn.stopped_by)
    if turn.is_cut:
        worker_bell.ring(caption_leases.BELL)


# Learning takes minutes in a large shop, so the message is acknowledged at its start: bells ring again anyway.
@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def tag_pending() -> None:
    """Learn from the shop's attributes when that is due, and tell those that products lack."""
    space = Space.objects.live()
    if space is None:
        return
    if learned := tag_learning.learn_if_due(space):
        logger.info("%s: learned to tell %s", space, ", ".join(learned.told) or "no attribute")
    tagger, begun, count = tag_learning.newest_tagger(space), time.monotonic(), 0
    for settled in tagging.look(tagger) if tagger else ():
        count += settled
        if time.monotonic() > begun + TAGGING_TURN:  # Other upkeep that waits comes in between.
            tag_pending.apply_async(expires=worker_bell.TIMEOUT)
            break
    if count:
        logger.info("%d products looked at for tags, %.1f a second", count, count / (time.monotonic() - begun))
