"""Reads a catalogue from a folder or a ZIP of photos: one row for each photo."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from django.utils.text import slugify

from catalog.importing.albums import PHOTO_SUFFIXES, Archive, DiskPhoto, Misuse, OutOfReach, PhotoFile, plain
from catalog.importing.rows import ProductRow, RefusedRow, printable
from catalog.validators import SKU_CHARACTERS, is_storable


class FolderRows:
    """One row for each photo. Its folder names the category, its file the product, and both make the sku."""

    unit = "file"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.count = sum(1 for _ in self._files())
        except OSError as error:
            raise OutOfReach(f"{path} cannot be read: {error.strerror}.") from error
        if not self.count:
            raise Misuse(f"{path} has no photos in folders named after their category, such as chair/oak.jpg.")

    def __iter__(self) -> Iterator[ProductRow | RefusedRow]:
        for file in self._files():
            yield photo_row(file.relative_to(self.path).as_posix(), DiskPhoto(file))

    def _files(self) -> Iterator[Path]:
        for folder in sorted(entry for entry in self.path.iterdir() if entry.is_dir()):
            if not folder.name.startswith("."):
                yield from sorted(
                    file
                    for file in folder.iterdir()
                    if file.suffix.lower() in PHOTO_SUFFIXES and not file.name.startswith(".")
                )


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
            if "/" in place:
                yield photo_row(place, self.album.find(place))
            else:
                yield RefusedRow(place, "", "it lies in no folder; the folder's name is the category")


def photo_row(place: str, photo: PhotoFile) -> ProductRow | RefusedRow:
    """The product made of the photo at `place`, a path that ends in category/name."""
    if not is_storable(place):  # Python makes surrogates of a name in another encoding
        return RefusedRow(printable(place), "", "its name is not in UTF-8")
    path = PurePosixPath(plain(place))
    category = path.parent.name
    # Files of one name in two folders are two products.
    sku = f"{slugify(category, allow_unicode=True)}-{path.stem}"
    sku = re.sub(rf"[^{SKU_CHARACTERS}]+", "-", sku).strip("-")
    name = " ".join(path.stem.replace("_", " ").replace("-", " ").split())
    return ProductRow(place, sku, name or sku, category, (photo,))
