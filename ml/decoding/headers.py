"""What a photo claims to be, read from its bytes without a decoder: its format, its pixels, its pieces.

A claim need not be true. It says how much memory the decoder gets, so one that lies has too little.
"""

import re
import struct
from dataclasses import dataclass
from itertools import islice

from ml.decoding.problems import MAX_PIXELS, PhotoProblem, UnreadablePhoto

# A progressive JPEG has about ten scans; jpegtran's own scripts stay below 40. Each one costs a pass over all pixels,
# and holds no more than 10 bytes if need be.
MAX_SCANS = 100
# Segments of a JPEG beside its scans, each of which Pillow keeps. Extended XMP fills 305 of 64 kB in the largest file.
MAX_SEGMENTS = 1_000
# Chunks of a PNG beside its pixels. Each may be inflated, which takes up to 4 ms. Programs write some tens at most.
MAX_CHUNKS = 200
# Chunks of a PNG's pixels. libpng writes 8 kB into each; an encoder that flushes every row writes one a row.
MAX_PIXEL_CHUNKS = 20_000
# Items of an AVIF or HEIF whose sizes are read: the tiles of a grid share one.
MAX_ITEMS = 1_000

JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed byte, nor a restart, nor filling
JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the start of a frame, of any kind
SCAN, END = 0xDA, 0xD9
PNG_PIXELS = (b"IDAT", b"fdAT")
PNG_START = 8


@dataclass(frozen=True)
class Header:
    """A photo's format, one of FORMATS, and the pixels that it claims: 0 if none are found."""

    format: str
    pixels: int


def read_header(data: bytes) -> Header:
    """Raises UnreadablePhoto: `unsupported_format`, `too_many_pixels`, or `too_costly` for too many pieces."""
    for kind, (signature, read) in FORMATS_BY_SIGNATURE.items():
        if signature.match(data):
            try:
                width, height = read(data)
            except (struct.error, ValueError, IndexError):  # It is cut short; the decoder will say so.
                width, height = 0, 0
            if width * height > MAX_PIXELS:
                raise UnreadablePhoto(PhotoProblem.TOO_MANY_PIXELS)
            return Header(kind, width * height)
    raise UnreadablePhoto(PhotoProblem.UNSUPPORTED_FORMAT)


def _jpeg(data: bytes) -> tuple[int, int]:
    """The size in the first frame's header. All scans are counted only where the bytes look like many."""
    size, scans, segments, at = (0, 0), 0, 0, 2
    suspicious = data.count(b"\xff\xda") > MAX_SCANS
    while marker := JPEG_MARKER.search(data, at):
        code, at = data[marker.end() - 1], marker.end()
        if code == END:
            break
        if code in (0x01, 0xD8):  # They stand alone.
            continue
        if code in JPEG_SIZES and size == (0, 0):
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = width, height
        scans, segments = scans + (code == SCAN), segments + (code != SCAN)
        if scans > MAX_SCANS or segments > MAX_SEGMENTS:
            raise UnreadablePhoto(PhotoProblem.TOO_COSTLY)
        if code == SCAN and not suspicious:
            break
        at += int.from_bytes(data[at : at + 2])
    return size


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    at, chunks, pixel_chunks = PNG_START, 0, 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        of_pixels = kind in PNG_PIXELS
        chunks, pixel_chunks = chunks + (not of_pixels), pixel_chunks + of_pixels
        if chunks > MAX_CHUNKS or pixel_chunks > MAX_PIXEL_CHUNKS:
            raise UnreadablePhoto(PhotoProblem.TOO_COSTLY)
        at += length + 12
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    """The size of the screen. A frame may be larger, and a small one then has memory enough."""
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _boxes(data: bytes) -> tuple[int, int]:
    """AVIF and HEIF: the largest of the sizes that its items claim: of the whole, of a grid's tiles, of a thumbnail."""
    sizes = (struct.unpack_from(">II", data, box.end() + 4) for box in islice(re.finditer(b"ispe", data), MAX_ITEMS))
    return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


# How Pillow's decoders know their files, in the order in which it asks them.
FORMATS_BY_SIGNATURE = {
    "JPEG": (re.compile(rb"\xff\xd8\xff"), _jpeg),
    "PNG": (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    "WEBP": (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    # Major brands that both use are followed by the minor version and the brands that it is compatible with.
    "HEIF": (re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mi[fa]1(.{4}){1,8}hei[cx])", re.DOTALL), _boxes),
    "AVIF": (re.compile(rb"....ftyp(avif|avis|mif1|msf1)", re.DOTALL), _boxes),
    "GIF": (re.compile(rb"GIF8[79]a"), _gif),
}
