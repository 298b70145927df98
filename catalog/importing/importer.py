"""Putting rows into the catalogue: products by their sku, photos by their hash, each row whole or not at all."""

import json
import os
from collections.abc import Container, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, transaction
from django.utils.text import Truncator, slugify

from catalog.importing.albums import Refused
from catalog.importing.rows import ProductRow, RefusedRow
from catalog.models import Category, Product
from catalog.photos import MAX_PHOTOS, Picture, TooManyPhotos, add_pictures
from ml.images import UnreadablePhoto

# Looked up together and decoded side by side. What is kept of their new photos is in memory at once, so not more.
BATCH, BATCH_PHOTOS = 32, 64
# Of a value, where a change is told.
SHOWN_CHARACTERS = 40
# The row, its photos on their way, and its product if there is one.
Loaded = tuple[ProductRow | RefusedRow, "Future[list[Picture]]", Product | None]


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
    what: str = ""  # is added or changes


def import_rows(rows: Iterable[ProductRow | RefusedRow], dry_run: bool = False) -> Generator[Result, None, None]:
    """One result for each row, in order, as soon as it is settled. Nothing is deleted; a dry run writes nothing.

    Fields and attributes the source has columns for are set to what it says, others are left alone; products
    without a difference are not written. A sku met again with the same data is unchanged, with other data refused.
    Memory does not grow with the photos, and by about 200 bytes a row to know the skus met.
    """
    importer = Importer(dry_run)
    with decoders() as pool:
        for batch in batches(rows):
            yield from importer.settle(importer.load(batch, pool))


def decoders() -> ThreadPoolExecutor:
    """Threads for what releases the GIL: hashing and decoding."""
    return ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))


def batches(rows: Iterable[ProductRow | RefusedRow]) -> Iterator[list[ProductRow | RefusedRow]]:
    """All rows in order: at most BATCH together, with at most BATCH_PHOTOS photos or those of one row."""
    batch: list[ProductRow | RefusedRow] = []
    photos = 0
    for row in rows:
        more = len(row.photos) if isinstance(row, ProductRow) else 0
        if len(batch) == BATCH or (batch and photos + more > BATCH_PHOTOS):
            yield batch
            batch, photos = [], 0
        batch.append(row)
        photos += more
    if batch:
        yield batch


class Importer:
    """What one import knows of the rows behind it: the categories it met, and where each sku was."""

    def __init__(self, dry_run: bool) -> None:
        self.dry_run = dry_run
        self.categories: dict[str, Category] = {}
        # Of those, the ones that a dry run made and took back with their row.
        self.taken_back: set[str] = set()
        # Of each sku that went in: its place, and a fingerprint of its data.
        self.accepted: dict[str, tuple[str, int]] = {}

    def recall(self, row: ProductRow) -> None:
        """Know of a row what is known of one that went in: another importer settled it."""
        self.accepted.setdefault(row.sku, (row.place, fingerprint(row)))
        if self.dry_run:  # else the database has it
            name = " ".join(row.category.split())
            slug = slugify(name, allow_unicode=True)
            self.categories.setdefault(slug, Category(slug=slug, name=name))
            self.taken_back.add(slug)

    def load(self, batch: list[ProductRow | RefusedRow], pool: ThreadPoolExecutor) -> list[Loaded]:
        """The rows with their products; their photos are being read and decoded when this returns."""
        skus = [row.sku for row in batch if isinstance(row, ProductRow)]
        products = {product.sku: product for product in Product.objects.filter(sku__in=skus).with_photos()}
        held = {sku: {photo.sha256 for photo in product.photos.all()} for sku, product in products.items()}
        return [
            (row, pool.submit(load, row, held.get(row.sku, set()), self.dry_run), products.get(row.sku))
            for row in batch
        ]

    def settle(self, batch: list[Loaded]) -> Iterator[Result]:
        for row, loading, product in batch:
            try:
                if isinstance(row, RefusedRow):
                    raise Refused(row.reason)
                result = self.settle_row(row, loading.result(), product)
            except Refused as refusal:
                result = Result(row.place, row.sku, Outcome.REFUSED, reason=str(refusal))
            yield result

    def settle_row(self, row: ProductRow, new: list[Picture], product: Product | None) -> Result:
        """Raises Refused."""
        known = fingerprint(row)
        if row.sku in self.accepted:
            place, accepted = self.accepted[row.sku]
            if accepted != known:
                raise Refused(f"sku {row.sku} was met before, at {place}, with other data")
            return Result(row.place, row.sku, Outcome.UNCHANGED)
        try:
            with transaction.atomic():
                category = self.category(row.category)
                result = self.store(row, category, new, product or Product(sku=row.sku))
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
        self.accepted[row.sku] = row.place, known
        return result

    def category(self, name: str) -> Category:
        """The category of this name or slug, made at first sight: "Chair" and "chair" are one, "C++" and "C#" are not.

        Raises ValidationError, Refused.
        """
        name = " ".join(name.split())
        slug = slugify(name, allow_unicode=True)
        known = category = self.categories.get(slug)
        is_made = False
        if category is None or slug in self.taken_back:
            Category(slug=slug, name=name).full_clean(validate_unique=False)
            category, is_made = Category.objects.get_or_create(slug=slug, defaults={"name": name})
            if is_made and self.dry_run:
                self.taken_back.add(slug)
        # One that is stored has the name that counts; one made again after it was taken back, that of its first row.
        holder = (known if known and is_made else category).name
        if name.casefold() not in (holder.casefold(), slug):
            raise Refused(f"category {name}: its slug “{slug}” is that of {holder} already")
        return category

    def store(self, row: ProductRow, category: Category, new: list[Picture], product: Product) -> Result:
        """Raises ValidationError, TooManyPhotos; DatabaseError, Product.DoesNotExist of a product deleted just now."""
        is_new = product.pk is None
        changed = news(row, category, product)
        if changed and not is_new:
            # It was looked up before the photos were decoded: what others changed since must not be undone.
            product = Product.objects.with_photos().select_for_update(of=("self",), no_key=True).get(pk=product.pk)
            changed = news(row, category, product)
        changes = "; ".join(change(name, getattr(product, name), to) for name, to in changed.items() if not is_new)
        if changed:
            for name, value in changed.items():
                setattr(product, name, value)
            product.full_clean(exclude=["category"], validate_unique=False, validate_constraints=False)
            product.save(update_fields=None if is_new else [*changed, "updated_at"])
        photos_added = self.add_photos(product, new)
        outcome = Outcome.ADDED if is_new else Outcome.UPDATED if changed or photos_added else Outcome.UNCHANGED
        what = f"{shown(row.name)}, {category}" if is_new else changes
        return Result(row.place, row.sku, outcome, photos_added, what=what)

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


def load(row: ProductRow | RefusedRow, held: Container[str], dry_run: bool) -> list[Picture]:
    """Those of the row's photos, decoded, whose hashes are not held. Touches no database. Raises Refused.

    In a dry run they are judged, and nothing of them is kept but the hash.
    """
    pictures = []
    for photo in row.photos if isinstance(row, ProductRow) else ():
        picture = Picture(photo.read())
        if picture.sha256 in held:
            continue
        try:
            if dry_run:
                picture.judge()
            else:
                picture.decode()
        except UnreadablePhoto as error:
            raise Refused(f"image {photo.name}: {error.message}") from error
        pictures.append(picture)
    return pictures


def fingerprint(row: ProductRow) -> int:
    """The same for rows of the same data, in this process."""
    return hash(repr(replace(row, place="")))


def news(row: ProductRow, category: Category, product: Product) -> dict[str, Any]:
    """The fields in which the product is to differ from what it is, with their values."""
    told = {
        "name": row.name,
        "category": category,
        **row.fields,
        "attributes": merged(product.attributes, row.attributes),
    }
    return {name: value for name, value in told.items() if product.pk is None or getattr(product, name) != value}


def change(name: str, old: Any, new: Any) -> str:
    """One field's change as a person reads it: "price: 12.50 → 9.99"."""
    if name == "attributes":
        keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        return "; ".join(change(key, old.get(key, ""), new.get(key, "")) for key in keys)
    return f"{name}: {shown(old)} → {shown(new)}"


def shown(value: Any) -> str:
    if value in ("", None):
        return "–"
    text = ("no", "yes")[value] if isinstance(value, bool) else " ".join(str(value).split())
    return Truncator(text).chars(SHOWN_CHARACTERS)


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
