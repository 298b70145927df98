"""One decoder: a process beside this one, and the channel to it."""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from ml.decoding import messages
from ml.decoding.problems import DecodersBusy, PhotoProblem, UnreadablePhoto

logger = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
# Seconds after which a decoder that neither answers nor computes is given up: it was stopped, or the machine swaps.
STALLED = 60
# What Python needs to start; settings and their secrets stay here.
INHERITED = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPATH")
# Memory of an earlier photo is kept for the next: asking the kernel for it anew takes a millisecond.
KEPT = str(32 << 20)
# Of malloc's arenas one will do: each takes 64 MB of the address space that is limited.
MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": KEPT, "MALLOC_MMAP_THRESHOLD_": KEPT}
ENVIRONMENT = {**MALLOC, **{name: os.environ[name] for name in INHERITED if name in os.environ}}


class DecoderEnded(Exception):  # noqa: N818  it names the state of the decoder
    """The decoder ended before it answered, and nothing says that the photo is to blame."""


class Decoder:
    """A process that decodes one photo at a time, and what this process holds of it."""

    def __init__(self) -> None:
        """Raises OSError if there are no descriptors or no memory for a process."""
        (ours, theirs), memory = socket.socketpair(), messages.shared_memory()
        try:
            given = theirs.fileno(), memory
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ml.decoding.process", *map(str, given)],
                pass_fds=given,
                cwd=ROOT,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
            )
            ours.settimeout(STALLED)
            self._channel = messages.Channel(ours, memory)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(memory)
        self._has_started = self._is_asked = False

    def decode(self, order: dict[str, Any], data: bytes, quick: float, take_longer: Callable[[], None]) -> Image.Image:
        """The photo as an RGB image. `take_longer` is called after `quick` seconds of decoding, and may raise.

        Raises:
            UnreadablePhoto: its problem; `too_costly` when the kernel ended the decoder for the time that it took.
            DecoderEnded: it ended for another reason.
            DecodersBusy: it cannot start.
            TimeoutError: it neither answers nor computes.
        """
        self._is_asked = True
        try:
            self._wait_for_start()
            self._channel.send(order, data)
            if not self._answers_within(quick):
                take_longer()
            answer, pixels = self._channel.receive()
        except (EOFError, ConnectionError) as error:
            if self._process.wait() == -signal.SIGXCPU:
                raise UnreadablePhoto(PhotoProblem.TOO_COSTLY) from error
            raise DecoderEnded(f"exit code {self._process.returncode}") from error
        self._is_asked = False
        if "problem" in answer:
            raise UnreadablePhoto(PhotoProblem(answer["problem"]))
        return Image.frombytes("RGB", tuple(answer["size"]), pixels, "raw", messages.LAYOUT)

    def _answers_within(self, seconds: float) -> bool:
        poll = select.poll()  # select() cannot look at descriptors above 1,023, and a web server has as many.
        poll.register(self._channel, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def _wait_for_start(self) -> None:
        """Raises DecodersBusy if it cannot start: that is no fault of the photo."""
        if self._has_started:
            return
        try:
            self._channel.receive()
        except (EOFError, ConnectionError) as error:
            logger.error("A decoder did not start: exit code %s", self._process.wait())
            raise DecodersBusy from error
        self._has_started = True

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_free(self) -> bool:
        """Whether it has answered, and can be asked again."""
        return not self._is_asked

    def yield_cores(self) -> None:
        """Compute only while nobody else does."""
        os.setpriority(os.PRIO_PROCESS, self.pid, 19)

    def end(self) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Close the channel in a process that was forked meanwhile: the decoder is another's."""
        self._channel.close()
        self._process.returncode = 0  # It is no child of this process, which so does not ask for its end.
