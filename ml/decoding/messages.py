"""What the pool and a decoder say to each other: lines of JSON over a socket, and bytes in memory that both see.

A socket alone would carry a photo of a megabyte in pieces of 200 kB, each of which wakes the other side.
"""

import json
import mmap
import os
import socket
from typing import Any

from ml.decoding.problems import MAX_PIXELS

# Of the pixels that are sent: four bytes each, as Pillow keeps them. To leave out the fourth, which says nothing, takes
# each side longer than to copy it.
LAYOUT = "RGBX"
# The largest photo, as it is: photos are never enlarged, and a long one may not even be reduced where its shorter side
# is looked at. It is more than the largest file. Only what was written to is really there.
CAPACITY = MAX_PIXELS * len(LAYOUT)
# Memory that holds more than this between two photos is given back.
KEPT = 4_000_000


class Channel:
    """One side of a talk in which each message is answered before the next."""

    def __init__(self, connection: socket.socket, memory: int) -> None:
        """`memory` is the descriptor of a file in memory of CAPACITY bytes."""
        self._socket = connection
        self._lines = connection.makefile("rb")
        self._memory = mmap.mmap(memory, CAPACITY)
        self.fileno = connection.fileno

    def send(self, message: dict[str, Any], body: bytes) -> None:
        """Raises OSError when the other side is gone."""
        self._memory[: len(body)] = body
        self._socket.sendall(json.dumps({**message, "bytes": len(body)}).encode() + b"\n")

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Raises EOFError or OSError when the other side is gone, TimeoutError when it takes too long."""
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        message = json.loads(line)
        length = message.pop("bytes")
        body = self._memory[:length]
        if length > KEPT:
            self._memory.madvise(mmap.MADV_REMOVE)
        return message, body

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
        self._memory.close()


def shared_memory() -> int:
    """The descriptor of a new file of CAPACITY bytes in memory, for both sides of a talk."""
    memory = os.memfd_create("photo")
    os.ftruncate(memory, CAPACITY)
    return memory
