"""Restoring a backup: all is verified before anything is changed, and the database is filled in one transaction."""

import hashlib
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from tqdm import tqdm

from catalog.models import Import, Photo
from catalog.storage import sync
from operations import own_models, postgresql_tools
from operations.backup_folder import MEDIA, BackupError, BackupFolder, Manifest, sha256_of
from operations.parallel import each
from search import spaces

SHOWN = 20  # Damaged files that are named; a broken disk has thousands.


@dataclass(frozen=True)
class Restored:
    manifest: Manifest
    copied: int
    """Photos that the storage did not have yet."""
    settings: list[str]
    """What must be set before the shop starts, as NAME=VALUE."""


def verify(folder: BackupFolder) -> Manifest:
    """Read every file of the backup. Raises BackupError, which names those that are not what they were."""
    manifest = folder.manifest()
    if not folder.holds(manifest.checksums, manifest.checksums_sha256):
        raise BackupError(f"{folder.place(manifest.checksums)} is damaged: it is not the file that was written")
    fault = each(lambda entry: _fault(folder, *entry), folder.checksums(manifest.checksums))
    total = manifest.counts["photos"] + len(manifest.models) + 1
    wrong = filter(None, tqdm(fault, "verifying", total, unit="file", disable=None))
    if shown := sorted(islice(wrong, SHOWN)):
        more = f", and {others} more" if (others := sum(1 for _ in wrong)) else ""
        raise BackupError(f"{folder.path} cannot be restored: {', '.join(shown)}{more}")
    return manifest


def _give_up_imports() -> None:
    """Cancel the imports whose files are not here: they are no part of a backup, and workers would wait for them."""
    for sent in Import.objects.exclude(state__in=Import.OVER):
        if not all(file.storage.exists(str(file)) for file in (sent.csv, sent.photos) if file):
            reason = "The shop was restored from a backup, which has no files of imports. Send them again."
            Import.objects.filter(pk=sent.pk).update(state=Import.State.CANCELLED, reason=reason)


def _fault(folder: BackupFolder, name: str, digest: str) -> str:
    if folder.holds(name, digest):
        return ""
    return f"{name} is {'damaged' if folder.place(name).exists() else 'missing'}"


def restore(folder: BackupFolder, replace: bool = False) -> Restored:
    """Put a verified backup into the database, the photo storage and the data folder that the settings name.

    Photos and models come first. So whatever stops it leaves the database as it was, and the same call goes on.

    Args:
        replace: drop what the database holds.

    Raises BackupError, OSError and Django's DatabaseError.
    """
    manifest = folder.manifest()
    # Before the first connection: `_others` knows this process's own by it.
    connection.settings_dict["OPTIONS"]["application_name"] = f"lamplight restore {os.getpid()}"
    check(manifest, replace)
    copied = _put_photos(folder, manifest)
    places = _put_models(folder, manifest)
    _refuse_others()  # The files may have taken hours.
    postgresql_tools.restore(folder.place(manifest.database), replace)
    connection.close()
    ContentType.objects.clear_cache()
    call_command("migrate", interactive=False, verbosity=0)
    own_models.point_spaces_to(places)
    Photo.objects.filter(pk__in=manifest.deleted_photos).delete()
    _give_up_imports()
    spaces.ensure_partitions()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # Without statistics, filtered searches scan whole tables.
    return Restored(manifest, copied, list(own_models.settings_to_change(places)))


def check(manifest: Manifest, replace: bool) -> None:
    """Raises BackupError where this installation cannot take the backup."""
    known = MigrationLoader(None).disk_migrations
    applied = ((app, name) for app, names in manifest.migrations.items() for name in names)
    if newer := [f"{app}.{name}" for app, name in applied if (app, name) not in known]:
        raise BackupError(
            f"the backup was made by another version of Lamplight, {manifest.version}, whose migration {newer[0]} "
            "is not known here: install that version or a newer one"
        )
    if (major := postgresql_tools.server_major()) < manifest.postgresql:
        raise BackupError(
            f"the backup is of PostgreSQL {manifest.postgresql}, and this server is {major}: use one as new"
        )
    tables = connection.introspection.table_names()
    if tables and not replace:
        raise BackupError(
            f"the database is not empty ({len(tables)} tables): give --replace to drop all that it holds, "
            "or have DATABASE_URL or LAMPLIGHT_VAR name an empty one"
        )
    _refuse_others()


def _refuse_others() -> None:
    if others := _others():
        raise BackupError(f"{others} other connections use the database: stop web server, workers and beat first")


def _others() -> int:
    """The sessions of this role in the database that are not of this process, which may have several in its pool."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
            " AND backend_type = 'client backend' AND application_name <> current_setting('application_name')"
        )
        return int(cursor.fetchone()[0])


def _put_photos(folder: BackupFolder, manifest: Manifest) -> int:
    """Copy the photos that the storage lacks. Returns how many those were."""
    storage = Photo._meta.get_field("file").storage
    photos = (entry for entry in folder.checksums(manifest.checksums) if entry[0].startswith(MEDIA))
    put = each(lambda photo: _put(folder, storage, *photo), photos)
    return sum(tqdm(put, "photos", manifest.counts["photos"], unit="photo", disable=None))


def _put(folder: BackupFolder, storage: Storage, file: str, digest: str) -> bool:
    """Have the storage hold a photo with these bytes. Returns whether it had to be copied."""
    name = file.removeprefix(MEDIA)
    if (taken := storage.exists(name)) and _digest(storage, name) == digest:
        return False
    with folder.place(file).open("rb") as content:
        stored = storage.save(name, File(content))
        if stored != name and taken:
            _replace(storage, name, stored, File(content))
        elif stored != name:
            raise BackupError(f"the photo storage calls {name} {stored}: it must keep names")
    return True


def _replace(storage: Storage, name: str, stored: str, content: "File[Any]") -> None:
    """Give a file the bytes that were stored beside it. Until there was room for them it stays as it was."""
    if isinstance(storage, FileSystemStorage):
        place = Path(storage.path(name))
        Path(storage.path(stored)).replace(place)
        sync(place.parent)
    else:  # Others cannot rename.
        storage.delete(name)
        storage.save(name, content)
        storage.delete(stored)


def _digest(storage: Storage, name: str) -> str:
    digest = hashlib.sha256()
    with storage.open(name, "rb") as file:
        for chunk in file.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def _put_models(folder: BackupFolder, manifest: Manifest) -> dict[str, Path]:
    """Copy the shop's own weights. Returns their places by those that they had."""
    named = set(manifest.models.values())
    checksums = {name: digest for name, digest in folder.checksums(manifest.checksums) if name in named}
    files = {Path(path): checksums[file] for path, file in manifest.models.items()}
    places = own_models.new_places(files, Path(manifest.data_folder))
    for path, place in places.items():
        file = manifest.models[path]
        if not (place.is_file() and sha256_of(place) == checksums[file]):
            BackupFolder(place.parent).write(place.name, [folder.place(file).read_bytes()])
    return places
