"""What follows from a deleted row, however it was deleted: Photo.delete() is not called on cascades."""

from functools import partial
from typing import Any

from django.db import transaction

from catalog.importing.jobs import delete_files
from catalog.models import Import, Photo


def delete_file(instance: Photo, using: str, **kwargs: Any) -> None:
    """The photo's file goes with its row, once that is committed. A file that is gone already is no error."""
    remove = partial(instance.file.storage.delete, str(instance.file))
    transaction.on_commit(remove, using=using, robust=True)


def delete_sent_files(instance: Import, using: str, **kwargs: Any) -> None:
    """What was sent for an import goes with it."""
    transaction.on_commit(partial(delete_files, instance), using=using, robust=True)
