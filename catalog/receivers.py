"""Delete the files of deleted rows. These are receivers, since a cascade does not call Photo.delete()."""

from functools import partial
from typing import Any

from django.db import transaction

from catalog.importing.jobs import delete_files
from catalog.models import Import, Photo


def delete_file(instance: Photo, using: str, **kwargs: Any) -> None:
    """Delete the photo's file once its row's deletion is committed. A file that is gone already is no error."""
    remove = partial(instance.file.storage.delete, str(instance.file))
    transaction.on_commit(remove, using=using, robust=True)


def delete_sent_files(instance: Import, using: str, **kwargs: Any) -> None:
    """Delete the files sent for an import once its row's deletion is committed."""
    transaction.on_commit(partial(delete_files, instance), using=using, robust=True)
