"""Bodies of answers: their bytes as they come, decompressed, and no more of them than are taken."""

import zlib
from collections.abc import Iterable, Iterator

from catalog.fetching.answers import NotFetched

PIECE = 256 * 1024
# As zlib has it: gzip, or zlib's own format, whichever comes.
EITHER = 32 + zlib.MAX_WBITS


def decoded(pieces: Iterable[bytes], encoding: str, most: int) -> Iterator[bytes]:
    """The body in pieces. It was asked for as it is; some servers compress all the same.

    Raises NotFetched: "too_large" when it has more than `most` bytes, which are counted as they are unpacked.
    """
    encoding = encoding.strip().lower()
    if encoding in ("gzip", "x-gzip", "deflate"):
        return bounded(inflated(pieces), most)
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


def inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What gzip or deflate packed, in pieces of at most PIECE bytes. Raises NotFetched."""
    inflating = zlib.decompressobj(EITHER)
    try:
        for piece in pieces:
            left = piece
            while left:
                if inflating.eof:  # A file of gzip may have several members.
                    inflating = zlib.decompressobj(EITHER)
                if unpacked := inflating.decompress(left, PIECE):
                    yield unpacked
                left = inflating.unconsumed_tail or inflating.unused_data
        if not inflating.eof:
            raise NotFetched("unreachable", "The answer was cut short.", may_pass=True)
    except zlib.error as error:
        raise NotFetched("bad_answer", "The server's answer is compressed, and damaged.") from error


def too_large(most: int) -> NotFetched:
    return NotFetched("too_large", f"It has more than {most / 1_000_000:g} MB.")
