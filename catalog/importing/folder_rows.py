"""Reads a catalogue from a folder or a ZIP of photos: one row for each photo."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.utils.text import slugify

from catalog.importing.albums import (
    PHOTO_SUFFIXES,
    Archive,
    DiskPhoto,
    Misuse,
    OutOfReach,
    PhotoFile,
    is_hidden,
    left_alone,
    plain,
)
from catalog.importing.rows import ProductRow, RefusedRow, printable
from catalog.validators import SKU_CHARACTERS, is_storable


class FolderRows:
    """One row for each photo. Its folder names the category, its file the product, and both make the sku.

    The folder may lie in others: train/chair/oak.jpg is in the category chair. Names are in composed letters.
    """

    unit = "file"

    def __init__(self, path: Path) -> None:
        """Raises Misuse."""
        self.path = path
        self.count = 0
        self.left_out: list[str] = []
        in_folders = 0
        try:
            for file in files_below(path):
                if is_photo(file):
                    self.count += 1
                    in_folders += file.parent != path
                else:
                    self.left_out.append(printable(self._place(file)))
        except OSError as error:
            raise OutOfReach(f"{path} cannot be read: {error.strerror}.") from error
        if not in_folders:
            raise Misuse(f"{path} has no photos in folders named after their category, such as chair/oak.jpg.")

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
        for file in filter(is_photo, files_below(self.path)):
            yield photo_row(self._place(file), DiskPhoto(file))

    def left_alone(self) -> str:
        """A sentence on the files that are no photos; empty if there are none."""
        return left_alone(str(self.path), self.left_out)

    def _place(self, file: Path) -> str:
        return plain(file.relative_to(self.path).as_posix())


def files_below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The files in a folder and in all folders below it, in order, without hidden ones. Raises OSError.

    Links are followed, but not into a folder that they lie in.
    """
    above = (*above, folder.resolve())
    for entry in sorted(folder.iterdir()):
        if is_hidden(entry.name):
            continue
        if not entry.is_dir():
            yield entry
        elif entry.resolve() not in above:
            yield from files_below(entry, above)


def is_photo(file: Path) -> bool:
    return file.suffix.lower() in PHOTO_SUFFIXES


class ArchiveRows:
    """Like FolderRows, for a ZIP. Its folders may lie in others, since packing a folder of folders puts them there."""

    unit = "file"

    def __init__(self, archive: Archive) -> None:
        """Raises Misuse."""
        self.path = archive.path
        self.album = archive
        self.count = len(archive.photos)
        if not any("/" in place for place in archive.photos):
            raise Misuse(f"{archive.label} has no photos in folders named after their category, such as chair/oak.jpg.")

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
        for place in self.album.photos:
            yield photo_row(place, self.album.find(place))


def photo_row(place: str, photo: PhotoFile) -> ProductRow | RefusedRow:
    """The product made of the photo at `place`, a path that should end in category/name."""
    if not is_storable(place):  # Python makes surrogates of a name in another encoding
        return RefusedRow(printable(place), "", "its name is not in UTF-8")
    path = PurePosixPath(place)
    category = path.parent.name
    if not category:
        return RefusedRow(place, "", "it lies in no folder; the folder's name is the category")
    # Files of one name in two folders are two products.
    sku = f"{slugify(category, allow_unicode=True)}-{path.stem}"
    sku = re.sub(rf"[^{SKU_CHARACTERS}]+", "-", sku).strip("-")
    name = " ".join(path.stem.replace("_", " ").replace("-", " ").split())
    return ProductRow(place, sku, name or sku, category, (photo,))
