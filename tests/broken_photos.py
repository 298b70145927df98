"""Photos that no camera wrote: files of all formats, taken apart along their structure and put together wrongly."""

import re
import struct
import zlib
from collections.abc import Callable

from hypothesis import strategies as st
from PIL import Image

from tests.bombs import encoded

Pieces = list[bytes]


def jpeg_pieces(data: bytes) -> Pieces:
    return re.split(rb"(?=\xff[\xc0-\xcf\xd8-\xfe])", data)


def png_pieces(data: bytes) -> Pieces:
    pieces, at = [data[:8]], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        pieces.append(data[at : at + length + 12])
        at += length + 12
    return pieces


def riff_pieces(data: bytes) -> Pieces:
    pieces, at = [data[:12]], 12
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        pieces.append(data[at : at + 8 + length + length % 2])
        at += len(pieces[-1])
    return pieces


def box_pieces(data: bytes) -> Pieces:
    """AVIF and HEIF: a piece for each box header and what follows it, nested or not."""
    names = rb"ftyp|meta|iinf|infe|iloc|iprp|ipco|ispe|av1C|hvcC|auxC|irot|pixi|ipma|mdat|grid"
    return re.split(rb"(?=....(?:" + names + rb"))", data, flags=re.DOTALL)


def gif_pieces(data: bytes) -> Pieces:
    return re.split(rb"(?=\x21[\xf9\xfe\xff\x01]|\x2c\x00\x00)", data)


def png_whole(pieces: Pieces) -> bytes:
    """Their checksums are right, so that the decoder looks into them."""
    chunks = (piece[:-4] + struct.pack(">I", zlib.crc32(piece[4:-4])) for piece in pieces[1:] if len(piece) >= 12)
    return pieces[0] + b"".join(chunks)


def riff_whole(pieces: Pieces) -> bytes:
    data = b"".join(pieces)
    return data[:4] + struct.pack("<I", max(len(data) - 8, 0)) + data[8:]


PIECES: dict[str, Callable[[bytes], Pieces]] = {
    "JPEG": jpeg_pieces,
    "PNG": png_pieces,
    "WEBP": riff_pieces,
    "AVIF": box_pieces,
    "HEIF": box_pieces,
    "GIF": gif_pieces,
}
WHOLE: dict[str, Callable[[Pieces], bytes]] = {"PNG": png_whole, "WEBP": riff_whole}


def seeds() -> dict[str, list[Pieces]]:
    """Small files of each format, in several of its kinds, as pieces."""
    photo = Image.effect_noise((80, 64), 60).convert("RGB")
    clear = photo.convert("RGBA")
    kinds: dict[str, list[tuple[Image.Image, dict[str, object]]]] = {
        "JPEG": [(photo, {}), (photo, {"progressive": True}), (photo.convert("CMYK"), {"restart_marker_blocks": 4})],
        "PNG": [(photo, {}), (clear, {}), (photo.convert("P"), {"transparency": 0}), (photo.convert("I;16"), {})],
        "WEBP": [(photo, {}), (clear, {"lossless": True}), (photo, {"save_all": True, "append_images": [clear]})],
        "AVIF": [(photo, {"speed": 10}), (clear, {"speed": 10}), (photo, {"save_all": True, "append_images": [photo]})],
        "HEIF": [
            (photo, {}),
            (clear, {}),
            (photo, {"tile_size": 64}),
            (photo, {"save_all": True, "append_images": [photo]}),
        ],
        "GIF": [(photo, {}), (photo, {"save_all": True, "append_images": [clear], "comment": b"x"})],
    }
    profile = {"icc_profile": bytes(300), "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}
    return {
        kind: [PIECES[kind](encoded(image, kind, **options)) for image, options in variants]
        + [PIECES[kind](encoded(photo, kind, **(profile if kind != "GIF" else {})))]
        for kind, variants in kinds.items()
    }


SEEDS = seeds()
EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 7000, 16384]


@st.composite
def broken_photos(draw: st.DrawFn) -> bytes:
    """A photo with up to four faults of structure and a few of bytes."""
    kind = draw(st.sampled_from(sorted(SEEDS)))
    pieces = list(draw(st.sampled_from(SEEDS[kind])))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(min(1, len(pieces) - 1), len(pieces) - 1))  # The first says which format it is.
        fault = draw(st.sampled_from(["repeat", "drop", "move", "borrow", "number", "bytes", "cut"]))
        piece = pieces[place]
        at = draw(st.integers(0, max(len(piece) - 1, 0)))
        if fault == "repeat":
            pieces[place:place] = [piece] * draw(st.sampled_from([1, 2, 30, 150, 1_000, 8_000]))
        elif fault == "drop":
            pieces[place] = b""
        elif fault == "move":
            pieces.insert(draw(st.integers(0, len(pieces))), piece)
        elif fault == "borrow":
            pieces.insert(place, draw(st.sampled_from(draw(st.sampled_from(SEEDS[kind])))))
        elif fault == "number":
            size, order = draw(st.sampled_from([1, 2, 3, 4])), draw(st.sampled_from(["big", "little"]))
            number = (draw(st.sampled_from(EXTREMES)) & (256**size - 1)).to_bytes(size, order)
            pieces[place] = piece[:at] + number + piece[at + size :]
        elif fault == "bytes":
            pieces[place] = piece[:at] + draw(st.binary(max_size=8)) + piece[at + 4 :]
        else:
            pieces[place] = piece[:at]
    return WHOLE.get(kind, b"".join)(pieces)
