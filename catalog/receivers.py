"""Delete the files of deleted rows, and write the numbers of saved products.

These are receivers, since a cascade does not call Photo.delete(), and a product is saved in many places.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.db import transaction

from catalog import product_numbers
from catalog.importing.jobs import delete_files
from catalog.models import Import, Photo, Product


def delete_file(instance: Photo, using: str, **kwargs: Any) -> None:
    """Delete the photo's file once its row's deletion is committed. A file that is gone already is no error."""
    remove = partial(instance.file.storage.delete, str(instance.file))
    transaction.on_commit(remove, using=using, robust=True)


def delete_sent_files(instance: Import, using: str, **kwargs: Any) -> None:
    """Delete the files sent for an import once its row's deletion is committed."""
    transaction.on_commit(partial(delete_files, instance), using=using, robust=True)


def write_numbers(instance: Product, update_fields: Collection[str] | None, raw: bool, **kwargs: Any) -> None:
    """Write the numbers that a saved product says. A fixture (`raw`) brings its own."""
    if not raw:
        product_numbers.saved(instance, None if update_fields is None else frozenset(update_fields))
