"""Adds photos to a product (hash, decode, cap, re-encode, store), and opens stored ones."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Count, Max

from catalog.models import MAX_POSITION, Photo, Product
from catalog.storage import StoredPhotoError, synced_together
from catalog.storage_deadline import StorageSilent
from ml import images

T = TypeVar("T")
# Larger than any encoder or page needs, and a tenth of the bytes a phone sends.
STORED_SIDE = 2048
STORED_QUALITY = 90
# A product page shows about ten; the bound keeps one product from filling the disk and the answers.
MAX_PHOTOS = 50
MISSING = "The file is missing from the photo storage. Upload the photo again."


class TooManyPhotos(Exception):  # noqa: N818  it names the state of the product
    """The product would have more than MAX_PHOTOS photos."""

    def __init__(self) -> None:
        super().__init__(f"A product has at most {MAX_PHOTOS} photos.")


@dataclass(frozen=True)
class Kept:
    """What is stored of a photo: an upright JPEG of at most STORED_SIDE pixels, without EXIF or GPS."""

    jpeg: bytes
    width: int
    height: int
    fingerprint: bytes


class Picture:
    """Uploaded bytes that are to become a row. Their hash is known at once. They are decoded once, when asked for."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sha256 = hashlib.sha256(data).hexdigest()
        self.kept: Kept | None = None

    def judge(self) -> None:
        """Check that it could be added, and keep nothing. Raises what ml.images.open_photo raises."""
        images.open_photo(self.data, side=STORED_SIDE)
        self.data = b""

    def decode(self) -> Kept:
        """Raises what ml.images.open_photo raises."""
        if self.kept is None:
            photo = images.open_photo(self.data, side=STORED_SIDE)
            self.data = b""  # an import holds many pictures, and the uploads take most of their memory
            jpeg = images.as_jpeg(photo, quality=STORED_QUALITY)
            self.kept = Kept(jpeg, photo.width, photo.height, images.fingerprint(photo))
        return self.kept


def add_photo(product: Product, data: bytes) -> tuple[Photo, bool]:
    """The product's photo of these bytes, and whether it is new. Bytes that the product has are not decoded again.

    Raises what ml.images.open_photo raises, TooManyPhotos, Product.DoesNotExist.
    """
    picture = Picture(data)
    for _, new in unknown(product, [picture]):
        new.decode()
    [added] = add_pictures(product, [picture])
    return added


def open_stored(photo: Photo, decode: Callable[[bytes], T]) -> T:
    """What `decode`, such as ml.images.open_photo, makes of the photo's file. Makes no query.

    Raises StoredPhotoError; a storage that hangs is waited for for seconds.
    """
    try:
        return decode(_bytes_of(photo))
    except images.UnreadablePhoto as error:
        raise StoredPhotoError(error.message) from error
    except images.DecodersBusy as error:
        raise StoredPhotoError(str(error), transient=True) from error
    except StorageSilent as error:
        raise StoredPhotoError("The photo storage does not answer.", transient=True) from error
    except FileNotFoundError as error:
        raise StoredPhotoError(MISSING) from error
    except OSError as error:
        raise StoredPhotoError(
            f"The photo storage did not answer: {error.strerror or error}.", transient=True
        ) from error


def _bytes_of(photo: Photo) -> bytes:
    with photo.file.open("rb") as file:
        data: bytes = file.read()
        return data


def unknown(product: Product, pictures: Sequence[Picture]) -> Iterator[tuple[int, Picture]]:
    """The pictures that the product does not have yet, with their places. Decode these before add_pictures."""
    hashes = [picture.sha256 for picture in pictures]
    held = set(Photo.objects.filter(product=product, sha256__in=hashes).values_list("sha256", flat=True))
    return ((place, picture) for place, picture in enumerate(pictures) if picture.sha256 not in held)


def add_pictures(product: Product, pictures: Sequence[Picture]) -> list[tuple[Photo, bool]]:
    """Adds all of the pictures or none, behind those there are. Returns each photo and whether it is new.

    A picture that is not decoded yet is decoded under the lock.
    Raises what ml.images.open_photo raises, TooManyPhotos, Product.DoesNotExist, catalog.storage.NotStored.
    """
    with transaction.atomic(), synced_together():
        # Two uploads of one photo wait for each other here, so the second finds the row of the first.
        Product.objects.select_for_update(no_key=True).get(pk=product.pk)
        return [add_under_lock(product, picture) for picture in pictures]


def add_under_lock(product: Product, picture: Picture, from_address: bool = False) -> tuple[Photo, bool]:
    """Adds one picture, for who holds the product's lock. Photos from an address leave with it; others stay.

    Raises what add_pictures raises, but for Product.DoesNotExist.
    """
    photos = Photo.objects.filter(product=product)
    if present := photos.filter(sha256=picture.sha256).first():
        if present.from_address and not from_address:
            photos.filter(pk=present.pk).update(from_address=False)
        return present, False
    held = photos.aggregate(count=Count("pk"), last=Max("position"))
    if held["count"] >= MAX_PHOTOS:
        raise TooManyPhotos
    position = 0 if held["last"] is None else min(held["last"] + 1, MAX_POSITION)
    kept = picture.decode()
    photo = Photo(
        product=product,
        sha256=picture.sha256,
        width=kept.width,
        height=kept.height,
        fingerprint=kept.fingerprint,
        position=position,
        from_address=from_address,
    )
    photo.file.save("", ContentFile(kept.jpeg), save=False)
    photo.save(force_insert=True)
    return photo, True
