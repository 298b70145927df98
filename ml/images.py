"""Photos from strangers: bytes become an upright RGB image of bounded size, or are refused with one clear reason.

The catalogue keeps and compares what `open_photo` gives. A network sees what `open_at` gives, for indexing and for
queries alike, so both see the same pixels. Only Pillow is imported here: the catalogue opens photos in processes that
never load a model.
"""

import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
MAX_BYTES = 20_000_000
MAX_PIXELS = 50_000_000  # 200 MB in Pillow's 4 bytes a pixel
MIN_SIDE = 16
MAX_ASPECT = 20  # padded to 224 x 224, a 20:1 photo is a strip of 11 px; a longer one leaves nothing to see

# What Pillow's five decoders raise on damaged input, found by feeding them mutated files
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    struct.error,
    zlib.error,
)

# Modes that scale well as they are; a palette must become colours first, and 16 bits are scaled to 8
SHRINKABLE = ("RGB", "RGBA", "L", "LA", "CMYK")
# How many pixels, by their headers, are decoded at once: two of the largest photos take 0.8 GB, at 4 bytes a pixel and
# with a copy.
ROOM = 2 * MAX_PIXELS

TRANSPOSES = {  # EXIF orientation -> what puts the photo upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

SIDEWAYS = (5, 6, 7, 8)  # the orientations that swap width and height

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

# x, y, width, height as fractions of the upright photo, measured from its top left corner
Region = tuple[float, float, float, float]
WHOLE = (0.0, 0.0, 1.0, 1.0)


class PhotoProblem(StrEnum):
    """Why a photo is refused: the codes an API client or a rejection row may hold."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too_many_bytes"
    UNSUPPORTED_FORMAT = "unsupported_format"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_NARROW = "too_narrow"
    CORRUPT = "corrupt"
    INVALID_REGION = "invalid_region"
    REGION_TOO_SMALL = "region_too_small"


MESSAGES = {
    PhotoProblem.EMPTY: "The file is empty: choose a photo and send it again.",
    PhotoProblem.TOO_MANY_BYTES: f"The file is over {MAX_BYTES // 1_000_000} MB: save the photo smaller.",
    PhotoProblem.UNSUPPORTED_FORMAT: "This is not a photo we can read: send JPEG, PNG, WebP, AVIF or GIF.",
    PhotoProblem.TOO_MANY_PIXELS: f"The photo has over {MAX_PIXELS // 1_000_000} megapixels: scale it down.",
    PhotoProblem.TOO_SMALL: f"The photo is too small: send one with at least {MIN_SIDE} pixels on each side.",
    PhotoProblem.TOO_NARROW: (
        f"The photo is too long and narrow: crop it until one side is at most {MAX_ASPECT} times the other."
    ),
    PhotoProblem.CORRUPT: "The photo is damaged or cut short: export or download it again, then send it.",
    PhotoProblem.INVALID_REGION: (
        "The region does not lie within the photo: give x, y, width and height as fractions between 0 and 1."
    ),
    PhotoProblem.REGION_TOO_SMALL: f"The region is too small: mark at least {MIN_SIDE} pixels on each side.",
}


class UnreadablePhoto(Exception):  # noqa: N818  it names the state of the photo
    """The photo, or its marked region, is unusable as it is; `message` is one sentence with the cure."""

    def __init__(self, code: PhotoProblem) -> None:
        super().__init__(code)
        self.code = code
        self.message = MESSAGES[code]

    def __str__(self) -> str:
        return self.message


class _Room:
    """Lets threads decode at the same time as long as their photos together have no more than so many pixels."""

    def __init__(self, pixels: int) -> None:
        self._left = pixels
        self._turn, self._changed = threading.Lock(), threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        with self._turn, self._changed:  # Threads take turns, so small photos do not overtake a large one for ever.
            self._changed.wait_for(lambda: self._left >= pixels)
            self._left -= pixels
        try:
            yield
        finally:
            with self._changed:
                self._left += pixels
                self._changed.notify()


_room = _Room(ROOM)


def open_photo(source: bytes | BinaryIO, side: int = 1024) -> Image.Image:
    """The first frame of a photo as a new upright RGB image whose longer side is at most `side` pixels.

    A binary file is read from its current position. Alpha is laid on white, EXIF and colour profiles are left
    behind, and nothing is enlarged. Thread-safe. Whatever the bytes hold, only UnreadablePhoto is raised.
    """
    return _opened(source, lambda photo: _decode(photo, side))


def open_at(source: bytes | BinaryIO, enough: Callable[[float, float], float], region: Region = WHOLE) -> Image.Image:
    """A region of the upright photo, opened as by `open_photo` but at a scale that is cheap to decode.

    The scale is at least `enough(width, height)`, asked with the region's own size in pixels. The region is judged by
    that size too, as `crop_region` says. The caller then scales once, to the very size that it needs: here pixels are
    only reduced by whole numbers.
    """
    return _opened(source, lambda photo: _decode_at(photo, enough, region))


def crop_region(photo: Image.Image, region: Region) -> Image.Image:
    """The marked part of an upright photo, at its own scale.

    Raises UnreadablePhoto: `invalid_region` when it leaves the photo, `region_too_small` under MIN_SIDE px.
    """
    _check_region(region, *photo.size)
    return photo.crop(_box(region, *photo.size))


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


def _opened(source: bytes | BinaryIO, decode: Callable[[Image.Image], Image.Image]) -> Image.Image:
    data = source if isinstance(source, bytes) else source.read(MAX_BYTES + 1)
    if not data:
        raise UnreadablePhoto(PhotoProblem.EMPTY)
    if len(data) > MAX_BYTES:
        raise UnreadablePhoto(PhotoProblem.TOO_MANY_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as photo:
            _check_size(*photo.size)
            with _room.taken(photo.width * photo.height):
                return decode(photo)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePhoto(PhotoProblem.TOO_MANY_PIXELS) from error
    except UnidentifiedImageError as error:
        damaged = _has_known_signature(data)
        raise UnreadablePhoto(PhotoProblem.CORRUPT if damaged else PhotoProblem.UNSUPPORTED_FORMAT) from error
    except DECODER_ERRORS as error:
        raise UnreadablePhoto(PhotoProblem.CORRUPT) from error


def _check_size(width: int, height: int) -> None:
    """Judge the size that the header claims, before any pixel is decoded."""
    if width * height > MAX_PIXELS:
        raise UnreadablePhoto(PhotoProblem.TOO_MANY_PIXELS)
    if min(width, height) < MIN_SIDE:
        raise UnreadablePhoto(PhotoProblem.TOO_SMALL)
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnreadablePhoto(PhotoProblem.TOO_NARROW)


def _check_region(region: Region, width: int, height: int) -> None:
    x, y, across, down = region
    slack = 1e-6  # a client's x + width may miss 1 by float rounding
    inside = all(0 <= value <= 1 for value in region) and x + across <= 1 + slack and y + down <= 1 + slack
    if not inside:
        raise UnreadablePhoto(PhotoProblem.INVALID_REGION)
    left, top, right, bottom = _box(region, width, height)
    if min(right - left, bottom - top) < MIN_SIDE:
        raise UnreadablePhoto(PhotoProblem.REGION_TOO_SMALL)


def _box(region: Region, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a region of a photo of that size: at least one pixel, however small the photo."""
    x, y, across, down = region
    left, top = min(round(x * width), width - 1), min(round(y * height), height - 1)
    right, bottom = min(round((x + across) * width), width), min(round((y + down) * height), height)
    return left, top, max(left + 1, right), max(top + 1, bottom)


def _decode(photo: Image.Image, side: int) -> Image.Image:
    scale = side / max(photo.size)
    if scale < 1:  # draft serves JPEG alone: it decodes at 1/2, 1/4 or 1/8, never below the size asked for
        photo.draft(None, (round(photo.width * scale), round(photo.height * scale)))
    photo.load()  # before thumbnail, which would draft a second time
    orientation = _orientation(photo)
    if _is_shrinkable(photo):  # first, since each conversion below copies the photo
        photo.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    rgb = _as_rgb(photo)
    rgb.info = {}
    rgb.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return rgb.transpose(TRANSPOSES[orientation]) if orientation in TRANSPOSES else rgb


def _decode_at(photo: Image.Image, enough: Callable[[float, float], float], region: Region) -> Image.Image:
    orientation = _orientation(photo)  # this decodes a PNG, which may tell its orientation after its pixels
    own, upright = photo.size, photo.size[::-1] if orientation in SIDEWAYS else photo.size
    _check_region(region, *upright)
    scale = enough(region[2] * upright[0], region[3] * upright[1])
    if scale < 1:  # for JPEG alone, as above
        photo.draft(None, (max(1, round(own[0] * scale)), max(1, round(own[1] * scale))))
    photo.load()
    times = max(1, int(photo.width / (own[0] * scale)))
    rgb = _as_rgb(photo.reduce(times)) if _is_shrinkable(photo) else _as_rgb(photo).reduce(times)
    rgb.info = {}
    turned = rgb.transpose(TRANSPOSES[orientation]) if orientation in TRANSPOSES else rgb
    return turned.crop(_box(region, *turned.size))


def _is_shrinkable(photo: Image.Image) -> bool:
    """Whether the photo scales well in its mode. A colour that stands for transparency would blend with others."""
    return photo.mode in SHRINKABLE and "transparency" not in photo.info


def _orientation(photo: Image.Image) -> object:
    """The EXIF orientation, 1 to 8 when sane; a damaged EXIF block is no reason to refuse the pixels."""
    if photo.format == "PNG":  # getexif would decode it, and damaged pixels would pass for damaged EXIF.
        photo.load()
    try:
        return photo.getexif().get(0x0112)
    except DECODER_ERRORS:
        return None


def _as_rgb(photo: Image.Image) -> Image.Image:
    """A new 8-bit RGB image, whatever the mode of the decoded one."""
    if photo.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling
        return photo.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if photo.has_transparency_data:
        layer = photo.convert("RGBA")
        white = Image.new("RGB", photo.size, "white")
        white.paste(layer, mask=layer.getchannel("A"))
        return white
    return photo.convert("RGB")


def _has_known_signature(data: bytes) -> bool:
    """Whether unidentifiable bytes begin like one of FORMATS: then they are damaged, not foreign."""
    starts = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
    brand = data[8:12] if data[:4] == b"RIFF" or data[4:8] == b"ftyp" else b""
    return data.startswith(starts) or brand in (b"WEBP", b"avif", b"avis")
