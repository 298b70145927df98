"""Photos from strangers: bytes become an upright RGB image of bounded size, or are refused with one clear reason.

The catalogue keeps and compares what `open_photo` gives. A network sees what `open_at` gives, for indexing and for
queries alike, so both see the same pixels. Both decode in other processes (`ml.decoding`). Only Pillow is imported
here: the catalogue opens photos in processes that never load a model.
"""

import io
from typing import BinaryIO

from PIL import Image

from ml.decoding import pool
from ml.decoding.problems import (
    FORMATS,
    MAX_ASPECT,
    MAX_BYTES,
    MAX_PIXELS,
    MESSAGES,
    MIN_SIDE,
    DecodersBusy,
    PhotoProblem,
    UnreadablePhoto,
)
from ml.decoding.regions import WHOLE, AtLeast, Region, check_region, region_box

# What photos are judged by, under the one name that other rooms know.
__all__ = [
    "FORMATS",
    "MAX_ASPECT",
    "MAX_BYTES",
    "MAX_PIXELS",
    "MESSAGES",
    "MIN_SIDE",
    "WHOLE",
    "AtLeast",
    "DecodersBusy",
    "PhotoProblem",
    "Region",
    "UnreadablePhoto",
]

# A fingerprint is the picture scaled to this many cells a side, 3 bytes (RGB) each.
FINGERPRINT_SIDE = 16
FINGERPRINT_BYTES = FINGERPRINT_SIDE**2 * 3
# Two photos show the same picture when no byte of their fingerprints differs by more than this. Measured on 398 studio
# photos of real furniture and 300 rendered ones. A picture saved anew (JPEG of quality 30 and up, WebP, 256 colours)
# and scaled to between 160 px and twice its size strays by at most 12, at 100 px and quality 75 by 10. The closest
# pictures of two products that differ lie 17 apart, colour variants photographed alike among them. With 8 cells a side
# there is no such gap: they stray by 8 and lie 6 apart.
SAME_PICTURE = 12
# Nor may a byte differ by more than this share of the span of the paler photo's bytes. A thin necklace on white differs
# from a blank page by 7, and spans 20. Saved anew as above, no picture strays by more than 0.14 of its span.
SAME_SHARE = 0.2


def open_photo(source: bytes | BinaryIO, side: int = 1024) -> Image.Image:
    """The first frame of a photo as a new upright RGB image whose longer side is at most `side` pixels.

    A binary file is read from its current position. Alpha is laid on white, the colour profile is applied, EXIF
    is left behind, and nothing is enlarged. Thread-safe. Whatever the bytes hold, only UnreadablePhoto is raised, or
    DecodersBusy when no decoder was free in time.
    """
    return pool.decoders.shrunk(_bytes(source), side)


def open_at(source: bytes | BinaryIO, least: AtLeast, region: Region = WHOLE) -> Image.Image:
    """A region of the upright photo, opened as by `open_photo` but at a scale that is cheap to decode.

    The region is at least as large as `least` says, if the photo is. It is judged by its own size in the photo, as
    `crop_region` says. The caller then scales once, to the very size that it needs: here pixels are only reduced by
    whole numbers.
    """
    return pool.decoders.scaled(_bytes(source), least, region)


def crop_region(photo: Image.Image, region: Region) -> Image.Image:
    """The marked part of an upright photo, at its own scale.

    Raises UnreadablePhoto: `invalid_region` when it leaves the photo, `region_too_small` under MIN_SIDE px.
    """
    check_region(region, *photo.size)
    return photo.crop(region_box(region, *photo.size))


def as_jpeg(photo: Image.Image, quality: int = 90) -> bytes:
    """The photo encoded afresh: no EXIF, GPS, comment or trailing bytes of the original survive."""
    bare = photo.convert("RGB")
    bare.info = {}
    out = io.BytesIO()
    bare.save(out, "JPEG", quality=quality)
    return out.getvalue()


def fingerprint(photo: Image.Image) -> bytes:
    """The RGB photo in FINGERPRINT_BYTES bytes, row by row: they tell the same picture in another file.

    Pictures are the same when their fingerprints differ by at most SAME_PICTURE, and SAME_SHARE of their contrast, in
    every byte. That holds after saving anew and scaling, not after cropping. A detail smaller than a cell, such as
    another text on the same label, is not seen.
    """
    # The triangle filter overlaps the cells, so the shift by a pixel that scaling brings changes little.
    return photo.resize((FINGERPRINT_SIDE, FINGERPRINT_SIDE), Image.Resampling.BILINEAR).tobytes()


def _bytes(source: bytes | BinaryIO) -> bytes:
    """The bytes to decode. Raises UnreadablePhoto if there are none or too many."""
    data = source if isinstance(source, bytes) else source.read(MAX_BYTES + 1)
    if not data:
        raise UnreadablePhoto(PhotoProblem.EMPTY)
    if len(data) > MAX_BYTES:
        raise UnreadablePhoto(PhotoProblem.TOO_MANY_BYTES)
    return data
