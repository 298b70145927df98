"""What follows from a deleted row, however it was deleted: Photo.delete() is not called on cascades."""

from functools import partial
from typing import Any

from django.db import transaction

from catalog.models import Photo


def delete_file(instance: Photo, using: str, **kwargs: Any) -> None:
    """The photo's file goes with its row, once that is committed. A file that is gone already is no error."""
    remove = partial(instance.file.storage.delete, str(instance.file))
    transaction.on_commit(remove, using=using, robust=True)
