"""Bodies of answers: their bytes as they come, decompressed, and no more of them than are taken."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from catalog.fetching.answers import NotFetched

PIECE = 256 * 1024
# As zlib has it: gzip, or zlib's own format, whichever comes.
EITHER = 32 + zlib.MAX_WBITS
# Deflate without a head, as some servers send it.
BARE = -zlib.MAX_WBITS
GZIP = b"\x1f\x8b"


def decoded(pieces: Iterable[bytes], encoding: str, most: int) -> Iterator[bytes]:
    """The body in pieces. It was asked for as it is; some servers compress all the same.

    Raises NotFetched: "too_large" when it has more than `most` bytes, which are counted as they are unpacked.
    """
    encoding = encoding.strip().lower()
    if encoding in ("gzip", "x-gzip"):
        return bounded(inflated(pieces, EITHER), most)
    if encoding == "deflate":
        return bounded(inflated(*headed(pieces)), most)
    if encoding in ("", "identity"):
        return bounded(pieces, most)
    raise NotFetched("bad_answer", "The server compressed its answer in a way that it was not asked for.")


def bounded(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise too_large(most)
        yield piece


def headed(pieces: Iterable[bytes]) -> tuple[Iterable[bytes], int]:
    """The same pieces, and how zlib is to read them, by their first two bytes."""
    rest, head = iter(pieces), b""
    while len(head) < 2 and (piece := next(rest, None)) is not None:
        head += piece
    # Of zlib's head the method is 8, and both bytes are a multiple of 31. Bare deflate begins with no such byte.
    has_head = head[:2] == GZIP or (len(head) > 1 and head[0] & 15 == 8 and int.from_bytes(head[:2]) % 31 == 0)
    return chain([head], rest), EITHER if has_head else BARE


def inflated(pieces: Iterable[bytes], wbits: int) -> Iterator[bytes]:
    """What gzip or deflate packed, in pieces of at most PIECE bytes. Raises NotFetched."""
    inflating = zlib.decompressobj(wbits)
    try:
        for piece in pieces:
            left = piece
            while left:
                if inflating.eof:  # A file of gzip may have several members.
                    inflating = zlib.decompressobj(wbits)
                if unpacked := inflating.decompress(left, PIECE):
                    yield unpacked
                left = inflating.unconsumed_tail or inflating.unused_data
        if not inflating.eof:
            raise NotFetched("unreachable", "The answer was cut short.", may_pass=True)
    except zlib.error as error:
        raise NotFetched("bad_answer", "The server's answer is compressed, and damaged.") from error


def too_large(most: int) -> NotFetched:
    return NotFetched("too_large", f"It has more than {most / 1_000_000:g} MB.")
