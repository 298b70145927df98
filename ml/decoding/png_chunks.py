"""The chunks of a PNG: what is not pixels, and is damaged or too large to read, is left out before it is decoded."""

import struct
import zlib
from collections.abc import Iterator

from ml.decoding.headers import PNG_START

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bytes that a text or a colour profile may inflate to. Profiles of printing presses have up to 3 MB.
MAX_INFLATED = 4 << 20
# Chunks that pixels depend on, beside those that every decoder has to know: transparency, and an animation's frames.
PIXELS = (b"tRNS", b"acTL", b"fcTL", b"fdAT")
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Texts that programs write EXIF data into, and so the orientation.
EXIF_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type exif", b"Raw profile type APP1")


def without_unreadable_chunks(data: bytes) -> bytes:
    """The PNG without chunks that say nothing of its pixels and cannot be read. Other files are given back as they are.

    Pillow would refuse the whole photo for the checksum of a comment.
    """
    if not data.startswith(SIGNATURE):
        return data
    kept, begun, seen = [], 0, set[bytes]()
    for kind, start, end in _chunks(data):
        if _is_readable(kind, data[start + 8 : end - 4], data[end - 4 : end], seen):
            continue
        kept.append(data[begun:start])
        begun = end
    return b"".join([*kept, data[begun:]]) if kept else data


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each whole chunk beside pixels, and where it begins and ends."""
    at = PNG_START
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + length + 12
        if kind[0] & 0x20 and kind not in PIXELS and end <= len(data):
            yield kind, at, end
        at = end


def _is_readable(kind: bytes, content: bytes, checksum: bytes, seen: set[bytes]) -> bool:
    """Whether Pillow can read the chunk and needs it. `seen` has the profile and the texts that were kept before."""
    if zlib.crc32(kind + content).to_bytes(4) != checksum:
        return False
    if kind not in (*TEXTS, b"iCCP"):
        return True
    name, _, rest = content.partition(b"\0")
    told = b"iCCP" if kind == b"iCCP" else name
    if told in seen or told not in (b"iCCP", *EXIF_TEXTS) or not _is_small(kind, rest):
        return False
    seen.add(told)
    return True


def _is_small(kind: bytes, content: bytes) -> bool:
    """Whether the content of a text or a profile, behind its name, is small once it is inflated."""
    if kind == b"iTXt":
        is_packed = content[:1] != b"\0"
        content = content[2:].partition(b"\0")[2].partition(b"\0")[2]  # behind the language, twice
    else:
        is_packed, content = kind != b"tEXt", content if kind == b"tEXt" else content[1:]
    if not is_packed:
        return len(content) <= MAX_INFLATED
    inflating = zlib.decompressobj()
    try:
        inflating.decompress(content, MAX_INFLATED)
    except zlib.error:
        return False
    return not inflating.unconsumed_tail
