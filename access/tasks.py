"""What the workers do for keys."""

import redis
from celery import shared_task
from celery.utils.log import get_task_logger

from access import usage

logger = get_task_logger(__name__)


@shared_task
def write_usage() -> None:
    """Write how often keys were used. What Redis does not tell now, it tells the next time."""
    try:
        usage.write()
    except redis.RedisError as error:
        logger.warning("The use of keys was not written: %s", error)
