"""A backup's folder: what lies where, and how it comes to be whole.

    manifest.json           what the backup holds; written last, so a folder with a manifest holds a whole backup
    SHA256SUMS-TIME         the checksums of all other files, as `sha256sum --check` reads them
    database-TIME.dump      the database, as pg_dump writes it for pg_restore
    media/                  the photos under the names that the photo storage has for them
    models/                 the shop's own weights, by their checksums

Until the manifest is replaced, what it names stays: a backup that is cut short leaves the one before as it was.
"""

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from catalog.storage import sync
from operations.buckets import Buckets

MANIFEST, LOCK, SUMS, DATABASE = "manifest.json", "backup.lock", "SHA256SUMS-", "database-"
MEDIA, MODELS = "media/", "models/"
FORMAT = 1  # Raise it when an older `restore` would misread the folder.
CHUNK = 1 << 20
HASH_LENGTH = 64


class BackupError(Exception):
    """A backup cannot be made or restored. The message is one line: why, and the cure."""


@dataclass(frozen=True)
class Manifest:
    """What a backup holds, and what it was made of."""

    made_at: str
    """When its snapshot was taken: ISO 8601, UTC."""
    version: str
    """Lamplight's."""
    postgresql: int
    """The server's major version."""
    pgvector: str
    migrations: dict[str, list[str]]
    """Those applied, by app."""
    settings: list[str]
    """The names of the variables that were set."""
    data_folder: str
    with_vectors: bool
    counts: dict[str, int]
    database: str
    """The dump's file."""
    checksums: str
    """The file of checksums."""
    checksums_sha256: str
    models: dict[str, str] = field(default_factory=dict)
    """Files in the folder, by the absolute paths that they were read from."""
    missing: list[str] = field(default_factory=list)
    """Files that the shop names and lacked itself."""
    deleted_photos: list[int] = field(default_factory=list)
    """Ids of photos that were deleted after the snapshot and before their file was copied."""

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError, and TypeError on fields that are unknown or missing."""
        data: dict[str, Any] = json.loads(text)
        if (made := data.pop("format", None)) != FORMAT:
            raise ValueError(f"its format is {made!r}, and this version of Lamplight reads {FORMAT}")
        return cls(**data)


class BackupFolder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def place(self, name: str) -> Path:
        """Where a file of the backup lies. Raises BackupError for a name that leads out of the folder."""
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts:
            raise BackupError(f"{self.path} names a file outside itself: {name}")
        return self.path / pure

    @contextmanager
    def being_written(self) -> Iterator[None]:
        """Have this process be the only one to write into the folder, which is made if need be.

        It holds password hashes and tokens. So its owner alone may read what is written, and enter where this user may
        see to that; `is_open` says where not. Raises BackupError, OSError.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = {path.name for path in self.path.iterdir()} - {"lost+found"}  # It is on every ext4 disk.
        if others and LOCK not in others:
            raise BackupError(f"{self.path} holds other files: give an empty folder, or one that holds a backup")
        with suppress(PermissionError):  # It is another user's, or its disk has no modes.
            self.path.chmod(0o700)
        with _for_owner_alone(), self.place(LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(f"another backup is being written into {self.path}: wait for its end") from None
            yield

    def is_open(self) -> bool:
        """Whether others than its owner may enter."""
        return bool(self.path.stat().st_mode & 0o077)

    def manifest(self) -> Manifest:
        """Raises BackupError where there is no whole backup."""
        try:
            return Manifest.from_json(self.place(MANIFEST).read_text())
        except FileNotFoundError:
            cut = " It was cut short: run manage.py backup again." if self.place(LOCK).exists() else ""
            raise BackupError(f"{self.path} holds no whole backup.{cut}") from None
        except (OSError, ValueError, TypeError) as error:
            raise BackupError(f"{self.place(MANIFEST)} cannot be read: {error}") from error

    def checksums(self, file: str) -> Iterator[tuple[str, str]]:
        """Each file's name and SHA-256. Lines that a crash tore are left out."""
        with self.place(file).open() as lines:
            for line in lines:
                digest, separator, name = line.rstrip("\n").partition("  ")
                if separator and name and len(digest) == HASH_LENGTH and line.endswith("\n"):
                    yield name, digest

    def known(self) -> Iterator[tuple[str, str]]:
        """The checksums of all files that this and earlier runs copied, finished or not: of a file the last counts."""
        for file in sorted(self.path.glob(f"{SUMS}*")):
            yield from self.checksums(file.name)

    def holds(self, name: str, digest: str | None) -> bool:
        """Whether the file is there with this checksum."""
        try:
            return digest is not None and sha256_of(self.place(name)) == digest
        except FileNotFoundError:
            return False

    def write(self, name: str, chunks: Iterable[bytes]) -> str:
        """Put a file there in one step: what has its name is whole, also after a power cut. Returns its SHA-256."""
        target = self.place(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        digest = hashlib.sha256()
        try:
            with partial.open("wb") as file:
                for chunk in chunks:
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        return digest.hexdigest()

    def finish(self, manifest: Manifest) -> None:
        """Declare the backup whole, and delete what belongs to earlier ones alone."""
        # A power cut must not leave a manifest of files that are not on the disk. pg_dump syncs what it wrote.
        sync(self.place(manifest.checksums))
        for top in (MEDIA, MODELS):
            for folder, _, _ in os.walk(self.place(top)):
                _keep_names(Path(folder))
        _keep_names(self.path)
        self.write(MANIFEST, [manifest.to_json().encode()])
        _keep_names(self.path)
        self._delete_all_but(manifest.checksums)

    def _delete_all_but(self, checksums: str) -> None:
        """Delete the files of a backup that this file of checksums does not name."""
        ours = (name for name in self.files() if _is_given_by_backups(name))
        with Buckets(self.path, self.checksums(checksums)) as kept, Buckets(self.path) as present:
            kept.add(checksums)
            for name in ours:
                present.add(name)
            for named, there in zip(kept, present, strict=True):
                for name in there.keys() - named.keys():
                    self.place(name).unlink()

    def files(self) -> Iterator[str]:
        """The names of all files in the folder. Those of one folder of photos are in memory at a time."""
        for folder, _, names in os.walk(self.path):
            yield from ((Path(folder) / name).relative_to(self.path).as_posix() for name in names)


def _is_given_by_backups(name: str) -> bool:
    """Whether a backup may have named a file so.

    Line breaks, and bytes that are no text, which Python reads as halves of surrogate pairs, are somebody else's: they
    fit no line of a file of checksums.
    """
    return name.startswith((DATABASE, SUMS, MEDIA, MODELS)) and name.isprintable()


def _keep_names(folder: Path) -> None:
    """Have the disk keep the names in a folder."""
    try:
        sync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # Some network disks do not sync folders.
            raise


@contextmanager
def _for_owner_alone() -> Iterator[None]:
    """Have all files of this process and its children made for their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
