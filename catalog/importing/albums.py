"""Albums hold the photos that rows name: a folder, a ZIP file that nobody has to trust, or none at all."""

import io
import re
import stat
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from unicodedata import normalize
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from django.template.defaultfilters import pluralize

from catalog.importing.zip_names import UnknownLetters, names_of
from ml.images import MAX_BYTES

# Files that ml.images opens. Others are left alone.
JPEG_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp"}
PHOTO_SUFFIXES = JPEG_SUFFIXES | {".png", ".webp", ".avif", ".heic", ".heif", ".hif", ".gif"}
FEED_SUFFIXES = {".tsv", ".xml"}
ARCHIVE_SUFFIXES = {".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz"}

# A sentence on files that are left alone names this many.
NAMED_FILES = 100

# Twice the photos of 10,000 products; Python holds half a kilobyte for each.
MAX_ENTRIES = 20_000
# zipfile reads the list of entries at once. An entry takes 200 bytes of it.
MAX_DIRECTORY_BYTES = 200 * MAX_ENTRIES
# Photos do not shrink in a ZIP, so this is well above what an upload of 1 GB holds.
MAX_UNPACKED_BYTES = 2_000_000_000
# Unpacked by packed size: about 1 for photos, 10 for a CSV, 1,000 for a bomb. No ratio does harm below a photo's size.
MAX_RATIO = 20
HEADER_BYTES = 30  # The least that stands in front of an entry. Its name comes on top.
# Flags of an entry: its content, or its name, is encrypted.
ENCRYPTED = 0x1 | 0x40 | 0x2000
DAMAGED = (BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OverflowError)


class Misuse(Exception):  # noqa: N818  it names what the caller did
    """The source as a whole cannot be imported."""


class OutOfReach(Misuse):
    """The disk cannot be read for now, so nobody knows whether the source can be imported."""


class Refused(Exception):  # noqa: N818  it names the state of the row
    """One row cannot be imported; the message says why."""


class PhotoFile(Protocol):
    """A photo that a row names. Its repr says where it lies, since rows are compared by their repr."""

    @property
    def name(self) -> str: ...

    def read(self) -> bytes:
        """The photo's bytes, at most one more than allowed: open_photo then refuses them. Raises Refused."""


class Album(Protocol):
    def find(self, name: str) -> PhotoFile:
        """The photo of this name. Raises Refused."""


@dataclass(frozen=True)
class DiskPhoto:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> bytes:
        try:
            if not self.path.is_file():
                raise Refused(f"image {self.name}: no such file in {self.path.parent}")
            with self.path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise Refused(f"image {self.name}: {error.strerror}") from error


class Folder:
    """Photos in a folder and in the folders below it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self._decomposed: dict[Path, dict[str, str]] = {}

    def find(self, name: str) -> DiskPhoto:
        try:
            path = self.on_disk(name.replace("\\", "/")).resolve()
        except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL
            raise Refused(f"image {name!r}: not a usable path") from error
        if not path.is_relative_to(self.path):
            raise Refused(f"image {name}: outside the folder {self.path}")
        return DiskPhoto(path)

    def on_disk(self, name: str) -> Path:
        """The path of this name. Where there is none, one whose letters are decomposed, as on files from a Mac."""
        path = self.path / name
        if name.isascii() or path.exists():
            return path
        path = self.path
        for part in PurePosixPath(name).parts:
            path = path / part if (path / part).exists() else path / self._decomposed_in(path).get(plain(part), part)
        return path

    def _decomposed_in(self, folder: Path) -> dict[str, str]:
        """The names in a folder that are not composed, by their composed form."""
        if folder not in self._decomposed:
            names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
            self._decomposed[folder] = {plain(name): name for name in names if plain(name) != name}
        return self._decomposed[folder]


class Nowhere:
    """The album of a CSV file that was sent without photos."""

    def find(self, name: str) -> PhotoFile:
        raise Refused(f"image {name}: no photos were sent; send them as a ZIP with the CSV, or empty the cell")


@dataclass(frozen=True)
class ZippedPhoto:
    place: str
    archive: "Archive" = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return PurePosixPath(self.place).name

    def read(self) -> bytes:
        try:
            with self.archive.open(self.place) as file:
                return file.read(MAX_BYTES + 1)
        except DAMAGED as error:
            raise Refused(f"image {self.name}: damaged in {self.archive.label}; pack it again") from error


class Archive:
    """The photos and CSV files of a ZIP file. They are read in place, never unpacked, so no path in it leads anywhere.

    A ZIP is refused as a whole, before any of it is inflated, if it states too large a size or has what photos never
    need (links, passwords, odd paths). Inflating stops at the size that the ZIP states, or at that of a photo.
    """

    def __init__(self, path: Path, label: str = "", code_page: str = "") -> None:
        """`label` is what messages call the file. `code_page`, if given, is that of names that do not say theirs.

        Raises Misuse.
        """
        self.path = path
        self.label = label or str(path)
        try:
            self._file = BoundedFile(path, MAX_DIRECTORY_BYTES)
        except OSError as error:
            raise OutOfReach(f"{self.label} cannot be read: {error.strerror}.") from error
        try:
            self._zip = ZipFile(self._file)
            self._check(code_page)
        except DirectoryTooLarge as error:
            self.close()
            raise self._too_many() from error
        except DAMAGED as error:
            self.close()
            raise Misuse(f"{self.label} is not a ZIP file, or it is cut short. Pack it again, then send it.") from error
        except Misuse:
            self.close()
            raise
        self._file.most = None
        self._entries = {name: info for name, info in self._named() if not is_hidden(name)}
        self.photos = sorted(self._with_suffix(PHOTO_SUFFIXES))
        self.csv_files = sorted(self._with_suffix({".csv"})) or sorted(self._with_suffix(FEED_SUFFIXES))
        self.left_out = sorted(self._entries.keys() - {*self.photos, *self.csv_files})
        # Packing a folder puts the folder itself into the ZIP. Names may also start inside it.
        tops = {name.partition("/")[0] if "/" in name else "" for name in self._entries}
        self._top = f"{tops.pop()}/" if len(tops) == 1 else ""

    def close(self) -> None:
        self._file.close()

    def find(self, name: str) -> ZippedPhoto:
        wanted = plain(name.replace("\\", "/")).removeprefix("./")
        for place in (wanted, self._top + wanted):
            if place in self._entries:
                return ZippedPhoto(place, self)
        raise Refused(f"image {name}: no such file in {self.label}")

    def open(self, place: str) -> IO[bytes]:
        """One of its files, inflated while it is read. Opening and reading may raise any of DAMAGED."""
        return self._zip.open(self._entries[place])

    def size(self, place: str) -> int:
        """The unpacked size in bytes. Reading never gives more."""
        return self._entries[place].file_size

    def left_alone(self) -> str:
        """A sentence on the files that are neither photos nor CSV files; empty if there are none."""
        return left_alone(self.label, self.left_out)

    def _with_suffix(self, suffixes: set[str]) -> Iterator[str]:
        return (name for name in self._entries if PurePosixPath(name).suffix.lower() in suffixes)

    def _named(self) -> Iterator[tuple[str, ZipInfo]]:
        """Its files, folders left out, by their names in composed letters."""
        return ((name, info) for name, info in zip(self._names, self._zip.infolist(), strict=True) if name[-1:] != "/")

    def _check(self, code_page: str) -> None:
        """Refuse a ZIP that is unfit as a whole, and name its entries. Raises Misuse or BadZipFile."""
        infos = self._zip.infolist()
        if len(infos) > MAX_ENTRIES:
            raise self._too_many()
        try:
            self._names = [plain(name) for name in names_of(infos, code_page)]
        except UnknownLetters as error:
            raise Misuse(f"{self.label} {error}.") from error
        for name, info in zip(self._names, infos, strict=True):
            if trouble := fault(name, info):
                raise Misuse(f"{self.label}: {name!r} {trouble}.")
        names = Counter(name for name, _ in self._named())
        if twice := next((name for name, count in names.items() if count > 1), None):
            raise Misuse(f"{self.label} has {twice!r} twice. Pack it again, then send it.")
        packed = sum(info.compress_size for info in infos)
        unpacked = sum(info.file_size for info in infos)
        if unpacked > MAX_UNPACKED_BYTES:
            most = MAX_UNPACKED_BYTES // 1_000_000
            raise Misuse(f"{self.label} unpacks to {unpacked // 1_000_000} MB, at most {most} MB are taken: split it.")
        if unpacked > MAX_BYTES and unpacked > MAX_RATIO * packed:
            raise Misuse(f"{self.label} unpacks to {unpacked // max(packed, 1)} times its size: photos never do.")
        if any(info.header_offset < 0 for info in infos):
            raise BadZipFile("an entry lies in front of the file")
        # Entries that share bytes let a small file unpack to a very large one.
        starts = [*sorted((info.header_offset, info.compress_size) for info in infos), (self._zip.start_dir, 0)]
        for (start, size), (following, _) in pairwise(starts):
            if start + HEADER_BYTES + size > following:
                raise Misuse(f"{self.label} has entries that overlap. Pack it again, then send it.")

    def _too_many(self) -> Misuse:
        return Misuse(f"{self.label} has too many files, at most {MAX_ENTRIES:,} are taken: split it.")


class DirectoryTooLarge(Exception):  # noqa: N818  it names the state of the file
    """The list of a ZIP file's entries is larger than MAX_DIRECTORY_BYTES."""


class BoundedFile(io.FileIO):
    """A file that refuses to read more than `most` bytes at once. zipfile asks for as many as the file states."""

    def __init__(self, path: Path, most: int | None) -> None:
        super().__init__(path)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise DirectoryTooLarge
        return super().read(-1 if size is None else size) or b""


def plain(name: str) -> str:
    """The name in composed letters. macOS packs decomposed ones, and nobody types those."""
    return normalize("NFC", name)


def left_alone(label: str, names: Sequence[str]) -> str:
    """A sentence that names the files left out of what `label` names; empty if there are none."""
    if not names:
        return ""
    archives = sum(PurePosixPath(name).suffix.lower() in ARCHIVE_SUFFIXES for name in names)
    inner = f", {archives} of them archives, which are not looked into" if archives else ""
    more = f" and {len(names) - NAMED_FILES} more" if len(names) > NAMED_FILES else ""
    named = ", ".join(names[:NAMED_FILES])
    return f"Left alone in {label}: {len(names)} file{pluralize(names)} other than photos{inner}: {named}{more}."


def is_hidden(name: str) -> bool:
    """Whether an operating system put this file beside the photos, such as __MACOSX/._oak.jpg or Thumbs.db."""
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1] == "Thumbs.db" or any(part.startswith(".") for part in parts)


def fault(name: str, info: ZipInfo) -> str:
    """Why the whole ZIP is refused for this entry; empty if it is not."""
    if info.flag_bits & ENCRYPTED:
        return "needs a password. Pack it again without one"
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return "is packed in an unusual way. Pack it again as a plain ZIP (deflate)"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device. Pack the photo itself"
    if "\\" in name or "\x00" in name:
        return "has a backslash or a NUL in its name. Pack it again with another program"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        return "leads out of the ZIP. Pack the folder of photos itself"
    return ""
