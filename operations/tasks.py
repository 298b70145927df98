"""What the workers do for a shop's safety."""

from datetime import timedelta
from itertools import islice

from celery import shared_task
from celery.utils.log import get_task_logger
from django.utils import timezone

from operations.leftovers import leftovers

logger = get_task_logger(__name__)
KEPT_ALONE = timedelta(days=1)  # Somebody may be looking for what a crash left.
# A server that is killed leaves the photos of an import's batch, or one for each upload. If many more files have no
# row, it is the database that is wrong: a backup of last month, or another shop's.
MOST = 1_000


@shared_task
def sweep_files() -> None:
    """Delete the files that a killed server left, as `manage.py sweep_files --delete` does."""
    found = list(islice(leftovers(timezone.now() - KEPT_ALONE), MOST + 1))
    if len(found) > MOST:
        logger.warning("More than %d files have no row, and stay: see `manage.py sweep_files`", MOST)
        return
    for leftover in found:
        leftover.delete()
    if found:
        logger.info("%d files that no row names were deleted", len(found))
