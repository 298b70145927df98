"""Making a backup while the shop is live.

Database, names of photos and recipes of spaces are read in one snapshot. Photos never change and are never renamed, so
their files can be copied afterwards, however long that takes: none of those that the snapshot names can have become
another. One may have been deleted meanwhile; the backup says which, and `restore` leaves its row out as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files.storage import Storage
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from tqdm import tqdm

from catalog.models import Category, Photo, Product
from operations import postgresql_tools
from operations.backup_folder import (
    CHUNK,
    DATABASE,
    MEDIA,
    MODELS,
    SUMS,
    BackupError,
    BackupFolder,
    Manifest,
    sha256_of,
)
from operations.buckets import Buckets
from operations.own_models import own_files
from operations.parallel import each
from search.models import LeafIndex, Space, TextEmbedding
from search.store.partitions import TABLE

# Vectors and what is said about the indexes over them. Indexing makes all of it again.
WITHOUT_VECTORS = (
    f"--exclude-table={TABLE}_s*",
    f"--exclude-table-data={TextEmbedding._meta.db_table}",
    f"--exclude-table-data={LeafIndex._meta.db_table}",
)

LOST = 0.5  # A choice: a night seldom takes half of a catalogue, and a lost data folder takes all.


@dataclass
class Copied:
    """What became of the files."""

    checksums: IO[str]
    copied: int = 0
    kept: int = 0
    missing: dict[str, int | None] = field(default_factory=dict)
    """Names of files that were not there, with the photo's id."""

    def note(self, name: str, digest: str, was_there: bool) -> None:
        self.checksums.write(f"{digest}  {name}\n")
        if was_there:
            self.kept += 1
        else:
            self.copied += 1


def back_up(folder: BackupFolder, with_vectors: bool = True, force: bool = False) -> tuple[Manifest, Copied]:
    """Make the folder hold the shop as it is now. What an earlier run copied rightly is not copied again.

    Args:
        force: replace the backup of a shop that had more than twice as much, too.

    Raises BackupError, OSError (a full disk, a storage that does not answer) and Django's DatabaseError.
    """
    begun = timezone.now()
    stamp = f"{begun:%Y%m%dT%H%M%S%fZ}"
    dump, sums = f"{DATABASE}{stamp}.dump", f"{SUMS}{stamp}"
    with folder.being_written():
        if not force:
            _refuse_lost_shop(folder)
        with folder.place(sums).open("w", buffering=1) as checksums, Buckets(folder.path) as names:
            done = Copied(checksums)
            with _snapshot() as snapshot:
                migrations, counts, models = _migrations(), _counts(), own_files()
                for pk, name in _photos():
                    names.add(MEDIA + name, str(pk))
                postgresql_tools.dump(folder.place(dump), snapshot, () if with_vectors else WITHOUT_VECTORS)
            done.note(dump, sha256_of(folder.place(dump)), was_there=False)
            _copy_photos(folder, names, counts["photos"], done)
            placed = _copy_models(folder, models, done)
        missing, deleted = _sorted_out(done.missing)
        manifest = Manifest(
            made_at=begun.isoformat(),
            version=settings.VERSION,
            postgresql=postgresql_tools.server_major(),
            pgvector=_pgvector(),
            migrations=migrations,
            settings=settings.ENVIRONMENT,
            data_folder=str(settings.VAR.resolve()),
            with_vectors=with_vectors,
            counts=counts,
            database=dump,
            checksums=sums,
            checksums_sha256=sha256_of(folder.place(sums)),
            models=placed,
            missing=missing,
            deleted_photos=deleted,
        )
        folder.finish(manifest)
    return manifest, done


@contextmanager
def _snapshot() -> Iterator[str]:
    """A transaction that sees the database as it is now, and the name by which pg_dump sees the same."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # It waits for pg_dump, for minutes.
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def _photos() -> Iterator[tuple[int, str]]:
    return Photo.objects.order_by("pk").values_list("pk", "file").iterator(chunk_size=10_000)


def _migrations() -> dict[str, list[str]]:
    applied: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        applied.setdefault(app, []).append(name)
    return applied


def _counts() -> dict[str, int]:
    models = {"categories": Category, "products": Product, "photos": Photo, "spaces": Space}
    return {name: model._default_manager.count() for name, model in models.items()}


def _refuse_lost_shop(folder: BackupFolder) -> None:
    """Raises BackupError where the folder has a backup of far more than there is: it may be all that is left."""
    try:
        before = folder.manifest().counts
    except BackupError:
        return  # There is nothing to lose.
    now = _counts()
    for what in ("products", "photos"):
        if now[what] < LOST * before.get(what, 0):
            raise BackupError(
                f"the shop has {now[what]} {what}, and the backup in {folder.path} has {before[what]}: see whether "
                "DATABASE_URL and LAMPLIGHT_VAR name the shop; give another folder, or --force to replace that backup"
            )


def _pgvector() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        found = cursor.fetchone()
    return found[0] if found else ""


def with_known(names: Buckets, known: Buckets) -> Iterator[tuple[str, str, str | None]]:
    """Each photo's name in the backup, its id, and its checksum where an earlier run copied it."""
    for ids, digests in zip(names, known, strict=True):
        yield from ((target, pk, digests.get(target)) for target, pk in ids.items())


def _copy_photos(folder: BackupFolder, names: Buckets, total: int, done: Copied) -> None:
    storage = Photo._meta.get_field("file").storage

    def copy(photo: tuple[str, str, str | None]) -> tuple[int, str, str | None, bool]:
        target, pk, digest = photo
        if folder.holds(target, digest):
            return int(pk), target, digest, True
        try:
            return int(pk), target, folder.write(target, _stored(storage, target.removeprefix(MEDIA))), False
        except FileNotFoundError:
            return int(pk), target, None, False

    with Buckets(folder.path, folder.known()) as known:
        copied = each(copy, with_known(names, known))
        for pk, target, digest, was_there in tqdm(copied, "photos", total, unit="photo", disable=None):
            if digest is None:
                done.missing[target] = pk
            else:
                done.note(target, digest, was_there)


def _stored(storage: Storage, name: str) -> Iterator[bytes]:
    with storage.open(name, "rb") as file:
        yield from file.chunks(CHUNK)


def _copy_models(folder: BackupFolder, models: dict[Path, str], done: Copied) -> dict[str, str]:
    """Returns where each file lies in the backup. One with other bytes than its space wants is as good as missing."""
    placed: dict[str, str] = {}
    for path, wanted in tqdm(models.items(), desc="models", unit="file", disable=None):
        digest = sha256_of(path) if path.is_file() else ""
        if not digest or (wanted and digest != wanted):
            done.missing[str(path)] = None
            continue
        name = f"{MODELS}{digest}{path.suffix}"
        if name not in placed.values():
            was_there = folder.holds(name, digest)
            if not was_there:
                with path.open("rb") as file:
                    digest = folder.write(name, iter(lambda: file.read(CHUNK), b""))
            done.note(name, digest, was_there)
        placed[str(path)] = name
    return placed


def _sorted_out(missing: dict[str, int | None]) -> tuple[list[str], list[int]]:
    """Which files the shop lacks itself, and which photos were merely deleted while the others were copied."""
    asked = [pk for pk in missing.values() if pk is not None]
    present = set(Photo.objects.filter(pk__in=asked).values_list("pk", flat=True))
    lacked = [name.removeprefix(MEDIA) for name, pk in missing.items() if pk is None or pk in present]
    return lacked, [pk for pk in asked if pk not in present]
