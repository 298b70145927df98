"""Captions: a vision-language model says what each product's first photo shows."""

import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass

from django.conf import settings

from catalog.models import MAX_CAPTION, Photo
from catalog.photos import open_stored
from catalog.storage import StoredPhotoError
from descriptions import server_rest
from descriptions.caption_leases import Failure, Lease, keep, put_off, take
from descriptions.vision_model import PROMPT, Away, NoCaption, VisionModel, Written, WrongSetUp
from ml.images import as_jpeg, open_photo

# Pixels of the longer side. Models scale photos to about as many, and each pixel costs tokens.
SIDE = 768
# After so many failures in a row the photos are hardly to blame: the server is left alone for a while.
FAILURES_IN_A_ROW = 5


@dataclass(frozen=True)
class Outcome:
    """What became of asking about a product."""

    sku: str
    failure: Failure | None = None
    given_up: bool = False


def shops_model() -> VisionModel | None:
    """The model of the settings; None where the shop has none."""
    if not settings.CAPTION_URL:
        return None
    return VisionModel(
        settings.CAPTION_URL,
        settings.CAPTION_MODEL,
        settings.CAPTION_KEY,
        settings.CAPTION_PROMPT or PROMPT,
        settings.CAPTION_LANGUAGE,
        MAX_CAPTION,
    )


class Turn:
    """One go at what is pending. Iterating it asks the model, and yields an outcome for each product.

    It ends when nothing is left, after so many seconds or products, or when the server had better be left alone. Who
    closes it before waits for the requests under way, and what they bring is kept.
    """

    def __init__(self, model: VisionModel, seconds: float = float("inf"), most: float = float("inf")) -> None:
        self.model = model
        self.deadline = time.monotonic() + seconds
        self.left = most
        self.stopped_by: Failure | None = None
        self._failures_in_a_row = 0

    @property
    def is_cut(self) -> bool:
        """Whether the time was over before all was done."""
        return not self.stopped_by and time.monotonic() >= self.deadline

    def __iter__(self) -> Generator[Outcome, None, None]:
        asked: dict[Future[Written], Lease] = {}
        with ThreadPoolExecutor(settings.CAPTION_REQUESTS, "caption") as pool:
            try:
                while True:
                    for lease in self._leases(settings.CAPTION_REQUESTS - len(asked)):
                        asked[pool.submit(_ask, self.model, lease.photo)] = lease
                    if not asked:
                        return
                    for future in wait(asked, return_when=FIRST_COMPLETED).done:
                        yield self._settle(asked.pop(future), future)
            finally:
                for future in as_completed(asked):
                    self._settle(asked[future], future)

    def _leases(self, free: int) -> Sequence[Lease]:
        if not free or self.left < 1 or self.stopped_by or self.is_cut:
            return []
        leases = take(self.model.fingerprint, int(min(free, self.left)))
        self.left -= len(leases)
        return leases

    def _settle(self, lease: Lease, future: "Future[Written]") -> Outcome:
        try:
            written = future.result()
        except (NoCaption, StoredPhotoError) as failure:
            self._failures_in_a_row += 1
            if isinstance(failure, Away | WrongSetUp) or self._failures_in_a_row >= FAILURES_IN_A_ROW:
                self._stop(failure)
            return Outcome(lease.product.sku, failure, given_up=put_off(lease, failure))
        self._failures_in_a_row = 0
        if not self.stopped_by:  # An answer that was under way when the server asked to be left alone says nothing.
            server_rest.end()
        keep(lease, self.model, written)
        return Outcome(lease.product.sku)

    def _stop(self, failure: Failure) -> None:
        if not self.stopped_by:  # Requests that were under way fail for the same reason.
            self.stopped_by = failure
            server_rest.begin(str(failure), failure.rest if isinstance(failure, Away) else None)


def _ask(model: VisionModel, photo: Photo) -> Written:
    """What the model writes of the photo. Makes no query: it runs in a thread. Raises NoCaption, StoredPhotoError."""
    return model.write(open_stored(photo, _small))


def _small(data: bytes) -> bytes:
    return as_jpeg(open_photo(data, side=SIDE), quality=85)
