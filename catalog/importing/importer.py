"""Puts rows into the catalogue, each as a whole or not at all. A sku identifies a product, a hash a photo."""

import json
import os
from collections.abc import Container, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils.text import Truncator, slugify

from catalog import product_numbers
from catalog.importing.albums import Refused
from catalog.importing.rows import ProductRow, RefusedRow
from catalog.models import Category, Product
from catalog.photo_addresses.naming import differences, name_addresses
from catalog.photos import MAX_PHOTOS, Picture, TooManyPhotos, add_pictures
from catalog.storage import synced_together
from ml.images import UnreadablePhoto

# Rows of a batch are looked up together and decoded in parallel. Its new photos are all in memory, so it is small.
BATCH, BATCH_PHOTOS = 32, 64
LOCK = 0x4C414D500A  # Key of a PostgreSQL advisory lock: batches are written one after another.
# A change shows this much of a value.
SHOWN_CHARACTERS = 40
# A row, its photos while they are being decoded, and its product if there is one.
Loaded = tuple[ProductRow | RefusedRow, "Future[list[Picture]]", Product | None]


class Outcome(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Result:
    """What became of a row, or in a dry run would become of it."""

    place: str
    sku: str
    outcome: Outcome
    photos_added: int = 0
    reason: str = ""
    what: str = ""  # what is added or changes


def import_rows(rows: Iterable[ProductRow | RefusedRow], dry_run: bool = False) -> Generator[Result, None, None]:
    """Yields one result for each row, in order, as soon as its batch is settled.

    It deletes no product, and a dry run writes nothing. Web addresses of photos are left to workers.
    Fields and attributes that the source has columns for take its values. Others are left alone. Products without a
    difference are not written. A sku that comes again is unchanged if its data are the same, and refused if not.
    Memory grows by about 200 bytes a row, for the skus met. It does not grow with the photos.
    """
    importer = Importer(dry_run)
    with decoders() as pool:
        for batch in batches(rows):
            yield from importer.settle_together(importer.load(batch, pool))


def decoders() -> ThreadPoolExecutor:
    """Threads for what releases the GIL: hashing and decoding."""
    return ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1))


def batches(rows: Iterable[ProductRow | RefusedRow]) -> Iterator[list[ProductRow | RefusedRow]]:
    """All rows in order, at most BATCH at a time. A batch has at most BATCH_PHOTOS photos, unless one row has more."""
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
    """Remembers the rows that an import has settled: the categories it met, and where each sku was."""

    def __init__(self, dry_run: bool, rested: timedelta = timedelta(0)) -> None:
        """`rested`: how long ago an address of a photo was asked at least, if it is to be asked again."""
        self.dry_run, self.rested = dry_run, rested
        self.categories: dict[str, Category] = {}
        # Slugs of categories that a dry run made and took back with their row.
        self.taken_back: set[str] = set()
        # By sku that went in: its place, and a fingerprint of its data.
        self.accepted: dict[str, tuple[str, int]] = {}
        # Skus of the batch under way that are in stock again, unless their rows say more of it.
        self.back: Container[str] = ()
        # The web addresses that rows of the batch under way name. They are written at its end, all at once.
        self._named: dict[Product, tuple[str, ...]] = {}

    def recall(self, row: ProductRow) -> None:
        """Remember a row that another importer settled, as if it had gone in here."""
        self.accepted.setdefault(row.sku, (row.place, fingerprint(row)))
        if self.dry_run:  # otherwise the database has the category
            name = " ".join(row.category.split())
            slug = slugify(name, allow_unicode=True)
            self.categories.setdefault(slug, Category(slug=slug, name=name))
            self.taken_back.add(slug)

    def load(self, batch: list[ProductRow | RefusedRow], pool: ThreadPoolExecutor) -> list[Loaded]:
        """The rows with their products. Their photos are still being read and decoded when this returns."""
        skus = [row.sku for row in batch if isinstance(row, ProductRow)]
        found = Product.objects.filter(sku__in=skus).with_photos()
        if any(row.addresses for row in batch if isinstance(row, ProductRow)):
            found = found.prefetch_related("photo_addresses")
        products = {product.sku: product for product in found}
        held = {sku: {photo.sha256 for photo in product.photos.all()} for sku, product in products.items()}
        return [
            (row, pool.submit(load, row, held.get(row.sku, set()), self.dry_run), products.get(row.sku))
            for row in batch
        ]

    def settle_together(self, batch: list[Loaded]) -> list[Result]:
        with self.together(batch):
            return list(self.settle(batch))

    @contextmanager
    def together(self, batch: list[Loaded]) -> Iterator[None]:
        """A transaction to settle the batch in, with one wait for the disk: alone, each row would wait twice.

        One import at a time is in it: two that make the same skus or categories, in another order, would deadlock. So
        would a dry run, which makes them until it takes them back. Products are locked in one order, whatever that of
        the file: an import and a page of the admin that change the same ones could deadlock otherwise.
        """
        wait(loading for _, loading, _ in batch)  # decoding takes seconds, and nothing may be locked meanwhile
        with transaction.atomic(), synced_together(), product_numbers.together():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            if not self.dry_run:  # It takes each row back, and its lock with it.
                known = Product.objects.filter(pk__in=[product.pk for _, _, product in batch if product])
                list(known.order_by("pk").select_for_update(no_key=True).values_list("pk"))
            yield

    def settle(self, batch: list[Loaded]) -> Iterator[Result]:
        """The results, which the caller takes to the end: what the rows have in common is written there."""
        self._named = {}
        for row, loading, product in batch:
            try:
                if isinstance(row, RefusedRow):
                    raise Refused(row.reason)
                result = self.settle_row(row, loading.result(), product)
            except Refused as refusal:
                result = Result(row.place, row.sku, Outcome.REFUSED, reason=str(refusal))
            yield result
        name_addresses(self._named, self.rested)

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
        except OperationalError:  # the database has failed, not this row
            raise
        except (DatabaseError, Product.DoesNotExist) as error:
            reason = " ".join(str(error).split())
            raise Refused(f"not stored ({reason}); if someone else changed it just now, import it again") from error
        self.categories.setdefault(category.slug, category)
        self.accepted[row.sku] = row.place, known
        return result

    def category(self, name: str) -> Category:
        """The category of this name, former name or slug, made if it is new.

        "Chair" and "chair" are one, "C++" and "C#" are not.

        Raises ValidationError, Refused.
        """
        name = " ".join(name.split())
        slug = slugify(name, allow_unicode=True)
        known = category = self.categories.get(slug)
        is_made = False
        if category is None or slug in self.taken_back:
            Category(slug=slug, name=name).full_clean(validate_unique=False)
            category = Category.objects.meant_by(name, slug)
            if category is None:
                category, is_made = Category.objects.get_or_create(slug=slug, defaults={"name": name})
            if is_made and self.dry_run:
                self.taken_back.add(slug)
            if not is_made and slug not in self.taken_back:  # By its former name it is met under another slug.
                self.categories.setdefault(slug, category)
        # A stored category's name counts. If one is made again after it was taken back, its first row's name counts.
        holder = (known if known and is_made else category).name
        if name.casefold() not in (holder.casefold(), slug, *category.former_names):
            raise Refused(f"category {name}: its slug “{slug}” already belongs to {holder}")
        return category

    def store(self, row: ProductRow, category: Category, new: list[Picture], product: Product) -> Result:
        """Raises ValidationError, TooManyPhotos, DatabaseError; Product.DoesNotExist if it was deleted just now."""
        is_new = product.pk is None
        addresses = differences([] if is_new else product.photo_addresses.all(), row.addresses)
        said = {"in_stock": True, **row.fields} if row.sku in self.back else row.fields
        changed = news(row, said, category, product)
        if changed and not is_new:
            # The product was looked up before its photos were decoded. Later changes by others must not be undone.
            product = Product.objects.with_photos().select_for_update(of=("self",), no_key=True).get(pk=product.pk)
            changed = news(row, said, category, product)
        changes = [change(name, getattr(product, name), to) for name, to in changed.items() if not is_new]
        if changed:
            for name, value in changed.items():
                setattr(product, name, value)
            product.full_clean(exclude=["category"], validate_unique=False, validate_constraints=False)
            product.save(update_fields=None if is_new else [*changed, "updated_at"])
        photos_added = self.add_photos(product, new)
        if row.addresses and not self.dry_run:
            self._named[product] = row.addresses
        is_updated = changed or photos_added or addresses
        outcome = Outcome.ADDED if is_new else Outcome.UPDATED if is_updated else Outcome.UNCHANGED
        what = [f"{shown(row.name)}, {category}"] if is_new else changes
        return Result(row.place, row.sku, outcome, photos_added, what="; ".join(filter(None, [*what, addresses])))

    def add_photos(self, product: Product, new: list[Picture]) -> int:
        """Add the photos and return their number. A dry run only counts, since files would not be rolled back."""
        if not new:
            return 0
        if not self.dry_run:
            return sum(created for _, created in add_pictures(product, new))
        distinct = len({picture.sha256 for picture in new})
        if product.photos.count() + distinct > MAX_PHOTOS:
            raise TooManyPhotos
        return distinct


def load(row: ProductRow | RefusedRow, held: Container[str], dry_run: bool) -> list[Picture]:
    """The row's photos whose hashes are not held, decoded. Touches no database. Raises Refused.

    A dry run only checks that they can be added, and keeps nothing but their hashes.
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
    """A number that rows with the same data share, in this process."""
    return hash(repr(replace(row, place="")))


def news(row: ProductRow, said: dict[str, Any], category: Category, product: Product) -> dict[str, Any]:
    """The product's fields that the row changes, with their new values. `said`: its fields, with what follows of it."""
    told = {
        "name": row.name,
        "category": category,
        **said,
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
    """The product's attributes after the row. A text sets an attribute, an empty cell removes it.

    Cells are text. One that reads like the stored value, such as 80 or true, leaves the number or the boolean as it is.
    """
    news = {
        name: text
        for name, text in told.items()
        if name not in attributes or text not in {str(attributes[name]), json.dumps(attributes[name])}
    }
    return {name: value for name, value in {**attributes, **news}.items() if value != ""}


def one_line(error: ValidationError) -> str:
    return "; ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
