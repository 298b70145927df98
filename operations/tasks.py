"""What the workers do for a shop's safety."""

from datetime import timedelta

from celery import shared_task
from celery.utils.log import get_task_logger

from operations.leftovers import leftovers

logger = get_task_logger(__name__)
KEPT_ALONE = timedelta(days=1)  # By then no row is on its way, however long an import takes.


@shared_task
def report_leftovers() -> None:
    """Say how many files no row names. They stay: it may be the database that is wrong, such as one of last month."""
    try:
        count = sum(1 for _ in leftovers(KEPT_ALONE))
    except OSError as error:
        logger.warning("Files that no row names were not counted: %s", error)
        return
    if count:
        logger.warning("Files that no row names: %d. `manage.py sweep_files` shows them", count)
