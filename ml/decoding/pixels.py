"""A photo's bytes to pixels, upright and RGB. It runs in a decoder, where its time and memory are bounded."""

import io
import struct
import zlib
from collections.abc import Callable

from PIL import Image, UnidentifiedImageError

from ml.decoding.colour_profiles import as_srgb
from ml.decoding.png_chunks import without_unreadable_chunks
from ml.decoding.problems import FORMATS, MAX_ASPECT, MAX_PIXELS, MIN_SIDE, PhotoProblem, UnreadablePhoto
from ml.decoding.regions import AtLeast, Region, check_region, region_box

# What the six decoders raise on damaged input, found by feeding them mutated files
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


def shrunk(data: bytes, side: int) -> Image.Image:
    """The photo with a longer side of at most `side` pixels. Raises UnreadablePhoto."""
    return _opened(data, lambda photo: _decode(photo, side))


def scaled(data: bytes, least: AtLeast, region: Region) -> Image.Image:
    """A region of the photo, only reduced by whole numbers and no smaller than `least`. Raises UnreadablePhoto."""
    return _opened(data, lambda photo: _decode_at(photo, least, region))


def _opened(data: bytes, decode: Callable[[Image.Image], Image.Image]) -> Image.Image:
    try:
        with Image.open(io.BytesIO(without_unreadable_chunks(data)), formats=FORMATS) as photo:
            _check_size(*photo.size)
            return decode(photo)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadablePhoto(PhotoProblem.TOO_MANY_PIXELS) from error
    except UnidentifiedImageError as error:
        code = PhotoProblem.UNSUPPORTED_FORMAT if _is_foreign(data) else PhotoProblem.CORRUPT
        raise UnreadablePhoto(code) from error
    except MemoryError as error:
        raise UnreadablePhoto(PhotoProblem.TOO_COSTLY) from error
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


def _decode_at(photo: Image.Image, least: AtLeast, region: Region) -> Image.Image:
    orientation = _orientation(photo)  # this decodes a PNG, which may tell its orientation after its pixels
    own, upright = photo.size, photo.size[::-1] if orientation in SIDEWAYS else photo.size
    check_region(region, *upright)
    scale = least.scale(region[2] * upright[0], region[3] * upright[1])
    if scale < 1:  # for JPEG alone, as above
        photo.draft(None, (max(1, round(own[0] * scale)), max(1, round(own[1] * scale))))
    photo.load()
    times = max(1, int(photo.width / (own[0] * scale)))
    if times == 1:
        rgb = _as_rgb(photo)
    else:
        rgb = _as_rgb(photo.reduce(times)) if _is_shrinkable(photo) else _as_rgb(photo).reduce(times)
    rgb.info = {}
    turned = rgb.transpose(TRANSPOSES[orientation]) if orientation in TRANSPOSES else rgb
    return turned.crop(region_box(region, *turned.size))


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
    """A new 8-bit image in sRGB, whatever the mode and the colour profile of the decoded one."""
    return as_srgb(_flat(photo), photo.info.get("icc_profile"))


def _flat(photo: Image.Image) -> Image.Image:
    """The photo in 8 bits of grey, RGB or CMYK, in which its colour profile holds, with transparency laid on white."""
    if photo.mode.startswith("I"):
        return _eight_bits(photo)
    if not photo.has_transparency_data:
        return photo if photo.mode in ("L", "CMYK") else photo.convert("L" if photo.mode == "1" else "RGB")
    mode = "L" if photo.mode in ("L", "LA") else "RGB"
    layer = photo.convert("RGBA")
    white = Image.new(mode, photo.size, "white")
    white.paste(layer.convert(mode), mask=layer.getchannel("A"))
    return white


def _eight_bits(photo: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit grey. Pillow's own conversion clips at 255 instead of scaling, and forgets what is clear."""
    deep = photo.convert("I")
    grey = deep.point(lambda value: value * (1 / 257)).convert("L")
    clear = photo.info.get("transparency")
    if isinstance(clear, int):
        grey.paste("white", mask=deep.point([255 * (value == clear) for value in range(1 << 16)], "L"))
    return grey


def _is_foreign(data: bytes) -> bool:
    """Whether it is another format in the container of AVIF, such as HEIC."""
    return data[8:12] in (b"mif1", b"msf1")
