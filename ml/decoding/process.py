"""A decoder: `python -m ml.decoding.process SOCKET MEMORY` decodes photos, one after the other.

Each photo has limits of its own, which the kernel enforces: a decoder in C neither sees a signal handler of Python nor
gives up by itself.
"""

import gc
import resource
import signal
import socket
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from ml.decoding import messages
from ml.decoding.pixels import scaled, shrunk
from ml.decoding.png_chunks import MAX_INFLATED
from ml.decoding.problems import PhotoProblem, UnreadablePhoto
from ml.decoding.regions import AtLeast

# Imported at the first photo otherwise, when memory is already limited.
PLUGINS = (AvifImagePlugin, GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, WebPImagePlugin)

# Bytes of a photo that Pillow reads or writes in one go. Of 64 kB, as usual, it takes a tenth of a millisecond longer.
BLOCK = 1 << 20


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that asks, and its end ends this one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    PngImagePlugin.MAX_TEXT_CHUNK = MAX_INFLATED  # of a colour profile, too
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # The pool has a decoder for each core.
    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)
    ImageFile.MAXBLOCK = BLOCK
    gc.freeze()  # What was imported stays: no photo waits until it is searched for garbage.
    with closing(messages.Channel(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))) as channel:
        channel.send({}, b"")  # It has started.
        while True:
            try:
                order, data = channel.receive()
            except (EOFError, ConnectionError):
                return
            channel.send(*answer(order, data))


def answer(order: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """The size and the pixels of the photo, or its problem."""
    limit_processor_time(order["seconds"])
    limit_memory(order["memory"])
    try:
        if "side" in order:
            photo = shrunk(data, order["side"])
        else:
            photo = scaled(data, AtLeast(order["shorter"], order["longer"]), tuple(order["region"]))
        return {"size": photo.size}, photo.tobytes("raw", messages.LAYOUT)
    except UnreadablePhoto as refusal:
        return {"problem": refusal.code}, b""
    except MemoryError:
        return {"problem": PhotoProblem.TOO_COSTLY}, b""
    finally:
        _limit(resource.RLIMIT_AS, resource.RLIM_INFINITY)


def limit_processor_time(seconds: int) -> None:
    """Have the kernel end this process after so many more seconds of computing."""
    _limit(resource.RLIMIT_CPU, int(time.process_time()) + 1 + seconds)


def limit_memory(more: int) -> None:
    """Let this process have so many more bytes than it has now."""
    pages = Path("/proc/self/statm")
    if pages.exists():  # Linux alone tells, and enforces the limit.
        taken = int(pages.read_text().split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, taken + more)


def _limit(what: int, amount: int) -> None:
    """Set a limit that can be raised again, within the one that this process was started under."""
    _, hard = resource.getrlimit(what)
    within = hard == resource.RLIM_INFINITY or resource.RLIM_INFINITY != amount < hard
    resource.setrlimit(what, (amount if within else hard, hard))


if __name__ == "__main__":
    main()
