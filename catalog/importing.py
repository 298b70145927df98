"""Putting rows into the catalogue: products by their sku, photos by their hash, each row whole or not at all."""

import json
import os
from collections.abc import Container, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, transaction
from django.utils.text import slugify

from catalog.models import Category, Product
from catalog.photos import MAX_PHOTOS, Picture, TooManyPhotos, add_pictures
from catalog.rows import Refused, RefusedRow, Row
from ml.images import MAX_BYTES, UnreadablePhoto

# Looked up together and decoded side by side. The bytes of their new photos are in memory at once, so not more.
BATCH = 32


class Outcome(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Result:
    """What became of a row; in a dry run, what would."""

    place: str
    sku: str
    outcome: Outcome
    photos_added: int = 0
    reason: str = ""


def import_rows(rows: Iterable[Row | RefusedRow], dry_run: bool = False) -> Generator[Result, None, None]:
    """One result for each row, in order, as soon as it is settled. Nothing is deleted; a dry run writes nothing.

    Fields and attributes the source has columns for are set to what it says, others are left alone; products
    without a difference are not written. A sku met again with the same data is unchanged, with other data refused.
    Memory does not grow with the photos, and by about 200 bytes a row to know the skus met.
    """
    importer = Importer(dry_run)
    rows = iter(rows)
    # Hashing and decoding release the GIL.
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        while batch := list(islice(rows, BATCH)):
            yield from importer.settle(batch, pool)


class Importer:
    """What one import knows of the rows behind it: the categories it met, and where each sku was."""

    def __init__(self, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.categories: dict[str, Category] = {}
        # Of each sku that went in: its place, and a fingerprint of its data.
        self.accepted: dict[str, tuple[str, int]] = {}

    def settle(self, batch: list[Row | RefusedRow], pool: ThreadPoolExecutor) -> Iterator[Result]:
        skus = [row.sku for row in batch if isinstance(row, Row)]
        products = {product.sku: product for product in Product.objects.filter(sku__in=skus).with_photos()}
        held = {sku: {photo.sha256 for photo in product.photos.all()} for sku, product in products.items()}
        loadings = [pool.submit(load, row, held.get(row.sku, set())) for row in batch]
        for row, loading in zip(batch, loadings, strict=True):
            try:
                result = self.settle_row(*loading.result(), products.get(row.sku))
            except Refused as refusal:
                result = Result(row.place, row.sku, Outcome.REFUSED, reason=str(refusal))
            yield result

    def settle_row(self, row: Row, new: list[Picture], product: Product | None) -> Result:
        """Raises Refused."""
        fingerprint = hash(repr(replace(row, place="")))
        if row.sku in self.accepted:
            place, accepted = self.accepted[row.sku]
            if accepted != fingerprint:
                raise Refused(f"sku {row.sku} was met before, at {place}, with other data")
            return Result(row.place, row.sku, Outcome.UNCHANGED)
        try:
            with transaction.atomic():
                category = self.category(row.category)
                outcome, photos_added = self.store(row, category, new, product or Product(sku=row.sku))
                transaction.set_rollback(self.dry_run)
        except ValidationError as error:
            raise Refused(one_line(error)) from error
        except TooManyPhotos as error:
            raise Refused(str(error)) from error
        except OperationalError:  # the database itself, so every row's trouble
            raise
        except (DatabaseError, Product.DoesNotExist) as error:
            reason = " ".join(str(error).split())
            raise Refused(f"not stored ({reason}); if someone else changed it just now, import it again") from error
        self.categories.setdefault(category.slug, category)
        self.accepted[row.sku] = row.place, fingerprint
        return Result(row.place, row.sku, outcome, photos_added)

    def category(self, name: str) -> Category:
        """The category of this name or slug, made at first sight: "Chair" and "chair" are one, "C++" and "C#" are not.

        Raises ValidationError, Refused.
        """
        name = " ".join(name.split())
        slug = slugify(name, allow_unicode=True)
        known = category = self.categories.get(slug)
        if category is None or self.dry_run:  # a dry run has taken back what it made
            Category(slug=slug, name=name).full_clean(validate_unique=False)
            category = Category.objects.get_or_create(slug=slug, defaults={"name": name})[0]
        holder = (known or category).name
        if name.casefold() not in (holder.casefold(), slug):
            raise Refused(f"category {name}: its slug “{slug}” is that of {holder} already")
        return category

    def store(self, row: Row, category: Category, new: list[Picture], product: Product) -> tuple[Outcome, int]:
        """Raises ValidationError, TooManyPhotos; DatabaseError, Product.DoesNotExist of a product deleted just now."""
        is_new = product.pk is None
        told = {
            "name": row.name,
            "category": category,
            **row.fields,
            "attributes": merged(product.attributes, row.attributes),
        }
        changed = [name for name, value in told.items() if is_new or getattr(product, name) != value]
        if changed:
            for name in changed:
                setattr(product, name, told[name])
            product.full_clean(exclude=["category"], validate_unique=False, validate_constraints=False)
            product.save(update_fields=None if is_new else [*changed, "updated_at"])
        photos_added = self.add_photos(product, new)
        if is_new:
            return Outcome.ADDED, photos_added
        return (Outcome.UPDATED if changed or photos_added else Outcome.UNCHANGED), photos_added

    def add_photos(self, product: Product, new: list[Picture]) -> int:
        """How many were added. A dry run counts them: files, unlike rows, would not be rolled back."""
        if not new:
            return 0
        if not self.dry_run:
            return sum(created for _, created in add_pictures(product, new))
        distinct = len({picture.sha256 for picture in new})
        if product.photos.count() + distinct > MAX_PHOTOS:
            raise TooManyPhotos
        return distinct


def load(row: Row | RefusedRow, held: Container[str]) -> tuple[Row, list[Picture]]:
    """The row and those of its photos, decoded, whose hashes are not held. Touches no database. Raises Refused."""
    if isinstance(row, RefusedRow):
        raise Refused(row.reason)
    pictures = []
    for path in row.photos:
        picture = Picture(read_photo(path))
        if picture.sha256 in held:
            continue
        try:
            picture.decode()
        except UnreadablePhoto as error:
            raise Refused(f"image {path.name}: {error.message}") from error
        pictures.append(picture)
    return row, pictures


def read_photo(path: Path) -> bytes:
    """At most one byte more than a photo may have, which open_photo then refuses. Raises Refused."""
    try:
        if not path.is_file():
            raise Refused(f"image {path.name}: no such file in {path.parent}")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Refused(f"image {path.name}: {error.strerror}") from error


def merged(attributes: dict[str, Any], told: dict[str, str]) -> dict[str, Any]:
    """The attributes with what the row says of its own columns: a text sets, an empty cell removes.

    Cells are text: one that says what is there, such as 80 or true, leaves the number or the boolean as it is.
    """
    news = {
        name: text
        for name, text in told.items()
        if name not in attributes or text not in {str(attributes[name]), json.dumps(attributes[name])}
    }
    return {name: value for name, value in {**attributes, **news}.items() if value != ""}


def one_line(error: ValidationError) -> str:
    return "; ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
