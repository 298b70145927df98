"""Photos made to cost far more than their size says. Each is small enough to be sent."""

import io
import struct
import zlib
from pathlib import Path

import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()

# Its container claims 256 x 256 pixels, and the picture in it has 16,384 x 16,384.
AVIF_THAT_LIES = Path(__file__).with_name("avif_lies_about_its_size.avif").read_bytes()


def encoded(photo: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    photo.save(out, kind, **options)
    return out.getvalue()


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG with so many more scans than it needs, each over all pixels and without a byte of data."""
    empty = b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 63, 0)
    return encoded(Image.new("RGB", (side, side)), "JPEG", progressive=True)[:-2] + empty * scans + b"\xff\xd9"


def jpeg_of_segments(segments: int) -> bytes:
    """A JPEG with so many empty segments in front of its pixels."""
    whole = encoded(Image.new("RGB", (64, 64)), "JPEG")
    return whole[:2] + b"\xff\xef\x00\x02" * segments + whole[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_profiles(profiles: int, size: int = 1_000_000) -> bytes:
    """A PNG with so many colour profiles, each inflated to `size` bytes."""
    whole = encoded(Image.new("RGB", (64, 64)), "PNG")
    return whole[:33] + chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(size))) * profiles + whole[33:]


def png_of_pieces(pieces: int) -> bytes:
    """A PNG whose pixels come with so many empty chunks."""
    whole = encoded(Image.new("RGB", (64, 64)), "PNG")
    return whole[:33] + chunk(b"IDAT", b"") * pieces + whole[33:]


def png_of_work(side: int = 7000) -> bytes:
    """A PNG of 1.9 MB whose 49 million pixels, each of 64 bits that depend on three others, take two seconds."""
    deflate = zlib.compressobj(1)
    row = bytes([4]) + bytes(side * 8)
    pixels = b"".join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0))
    profiles = chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(1_000_000))) * 190
    return b"\x89PNG\r\n\x1a\n" + header + profiles + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def webp_of_nothing(side: int) -> bytes:
    """38 bytes that claim so many pixels a side."""
    canvas = bytes([0, 0, 0, 0]) + (side - 1).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", len(canvas)) + canvas + b"ANIM" + struct.pack("<I", 0)
    return b"RIFF" + struct.pack("<I", len(body)) + body
