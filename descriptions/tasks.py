"""What the captions worker does. Its message is a bell, as all are (search.tasks)."""

import time

from celery import shared_task
from celery.utils.log import get_task_logger

from descriptions import caption_leases, captioning, server_rest
from search import worker_bell

logger = get_task_logger(__name__)
# Seconds that one task goes on asking. At its end it waits for the slowest request, while the others' places are idle.
TURN = 60


@shared_task
def caption_pending() -> None:
    """Ask the shop's model about photos that have no caption of it yet."""
    worker_bell.silence(caption_leases.BELL)
    model = captioning.shops_model()
    if model is None or server_rest.current():
        return
    caption_leases.forget_captions_without_photos()
    turn, begun = captioning.Turn(model, TURN), time.monotonic()
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
