"""The decoders of this process: who gets one, for how long, and what becomes of a photo that ends one.

A photo takes a *place*, and the memory that its size needs. Where customers wait, a photo that is not decoded in a
second leaves its place for one of the few *slow* ones, so that a few costly photos hold up no other. A decoder that
takes more than its limits is ended by the kernel, and its photo is refused.
"""

import atexit
import logging
import os
from typing import Any

from PIL import Image

from metrics import decoders as metrics
from ml.decoding.decoder import Decoder, DecoderEnded
from ml.decoding.headers import Header, read_header
from ml.decoding.places import Place, Places
from ml.decoding.problems import DecodersBusy, PhotoProblem, UnreadablePhoto
from ml.decoding.regions import AtLeast, Region

logger = logging.getLogger(__name__)
MEGABYTE = 1_000_000

# Seconds of computing that a photo may take. The costliest honest ones, of 50 megapixels, take 2.5 on a core of 2023.
SECONDS = 10
# Seconds in which all but the largest photos are decoded. A PNG of 12 megapixels takes 0.5.
QUICK = 1
# Bytes of memory for each claimed pixel: what photos of 50 megapixels took (benchmarks.decoding), and a fifth more.
BYTES_A_PIXEL = {"JPEG": 15, "PNG": 16, "GIF": 12, "WEBP": 20, "AVIF": 20, "HEIF": 20}
# What a decoder may take beside the pixels: for a small photo whatever it claims, and for three copies of the file.
SPARE, COPIES = 64 * MEGABYTE, 3
# What all photos that are decoded at once may take: one of the largest, or four of 12 megapixels. Slow ones may take as
# much again.
MEMORY = 1_200 * MEGABYTE
# A decoder may also be ended by what is no fault of the photo, such as a machine without memory.
TRIES = 3
# One for each core, and two even on one: they also wait for bytes to come and go.
PLACES = min(max(os.cpu_count() or 2, 2), 8)
# Where customers wait: photos that may take longer than QUICK, and seconds to wait for a place. Two slow photos leave
# half of the threads that search (config.web.lanes) to others.
SLOW_PLACES, PATIENCE = 2, 3


class Decoders:
    """Decoders that start when they are needed, and stay."""

    def __init__(
        self, places: int = PLACES, slow_places: int | None = None, patience: float = 60, seconds: int = SECONDS
    ) -> None:
        """
        Args:
            places: how many photos are decoded at once, beside those in slow places.
            slow_places: how many photos may take longer than QUICK; None for any number, in their own places.
            patience: seconds to wait for a place.
            seconds: of computing that a photo may take.
        """
        self._patience, self._seconds = patience, seconds
        self._hurries = slow_places is not None
        self._places = Places(places, slow_places or 0, MEMORY)
        self._idle: list[Decoder] = []

    def shrunk(self, data: bytes, side: int) -> Image.Image:
        """See ml.images.open_photo."""
        return self._decode(data, {"side": side})

    def scaled(self, data: bytes, least: AtLeast, region: Region) -> Image.Image:
        """See ml.images.open_at."""
        return self._decode(data, {"shorter": least.shorter, "longer": least.longer, "region": region})

    def start(self) -> None:
        """Start a decoder for each place, so that no photo waits for one to start."""
        self._idle += [self._take() for _ in range(self._places.quick.places)]

    def end(self) -> None:
        """End the decoders that are idle."""
        while self._idle:
            self._idle.pop().end()

    def forget(self) -> None:
        """Let go of the decoders in a process that was forked: they are its parent's."""
        while self._idle:
            self._idle.pop().forget()

    def _decode(self, data: bytes, task: dict[str, Any]) -> Image.Image:
        try:
            with metrics.DURATION.time():
                photo = self._decode_in_place(data, task)
        except UnreadablePhoto as refusal:
            metrics.PHOTOS.labels(refusal.code).inc()
            raise
        metrics.PHOTOS.labels("decoded").inc()
        return photo

    def _decode_in_place(self, data: bytes, task: dict[str, Any]) -> Image.Image:
        memory = needed(read_header(data), len(data))
        order = {**task, "memory": memory, "seconds": self._seconds}
        with self._places.taken(min(memory, MEMORY), self._patience) as place:
            for _ in range(TRIES):
                try:
                    return self._decode_once(order, data, place)
                except DecoderEnded as ended:
                    logger.warning("A decoder ended: %s", ended)
                    metrics.DIED.inc()
        raise UnreadablePhoto(PhotoProblem.TOO_COSTLY)

    def _decode_once(self, order: dict[str, Any], data: bytes, place: Place) -> Image.Image:
        decoder = self._take()

        def take_longer() -> None:
            if self._hurries:
                place.slow_down()
                decoder.yield_cores()

        try:
            return decoder.decode(order, data, QUICK, take_longer)
        except TimeoutError:
            raise DecodersBusy from None
        finally:
            if decoder.is_free and not place.is_slow:
                self._idle.append(decoder)
            else:
                decoder.end()

    def _take(self) -> Decoder:
        try:
            return self._idle.pop()  # Lists are thread-safe.
        except IndexError:
            pass
        try:
            return Decoder()
        except OSError as error:
            logger.error("A decoder cannot be started: %s", error)
            raise DecodersBusy from error


def needed(header: Header, size: int) -> int:
    """Bytes of memory that a decoder may take for a file of that size, beside what it has."""
    return SPARE + COPIES * size + BYTES_A_PIXEL[header.format] * header.pixels


# Workers, commands and tests wait until a decoder is free, and nobody waits for them.
decoders = Decoders()


def serve_customers() -> None:
    """Make this a process in which people wait for photos: it hurries, refuses soon, and has decoders at once."""
    global decoders
    decoders = Decoders(slow_places=SLOW_PLACES, patience=PATIENCE)
    decoders.start()


@atexit.register
def _end() -> None:
    decoders.end()


os.register_at_fork(after_in_child=lambda: decoders.forget())
