"""Opening stored photos ahead of what looks at them."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from functools import cache, partial
from itertools import islice
from queue import SimpleQueue

from PIL import Image

from catalog.models import Photo
from catalog.photos import StoredPhotoError, open_stored

# Threads that open photos, and the most photos they are ahead of the encoder: two of torch's batches on a CPU, about
# 500 kB a photo. From a local disk one thread is as fast as 16. From a storage that takes 50 ms to answer, two feed 38
# photos a second, and four feed all that two cores encode.
OPENERS, AHEAD = 4, 32
# Seconds for which a photo is waited for, and each photo after one that never came. A storage that answers at all takes
# less than one. A batch of 64 then ends before its task's time is up.
PATIENCE, LEFT = 20, 1
SILENT = "The photo storage does not answer."
Open = Callable[[], Image.Image]


class Openers:
    """The threads of this process that open photos. They do not hold up its end, as those of an executor would."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[Image.Image], Open]] = SimpleQueue()
        self._late: list[Future[Image.Image]] = []
        for number in range(OPENERS):
            threading.Thread(target=self._work, name=f"open_{number}", daemon=True).start()

    def submit(self, work: Open) -> Future[Image.Image]:
        future: Future[Image.Image] = Future()
        self._waiting.put((future, work))
        return future

    def give_up(self, future: Future[Image.Image]) -> None:
        """Wait no longer for a photo. One that is being opened keeps its thread until the storage answers."""
        if not future.cancel():
            self._late.append(future)

    def all_hang(self) -> bool:
        """Whether every thread still waits for a photo that was given up."""
        self._late = [future for future in self._late if future.running()]
        return len(self._late) == OPENERS

    def _work(self) -> None:
        while True:
            _open(*self._waiting.get())


def _open(future: Future[Image.Image], work: Open) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(work())
        except BaseException as error:  # Whoever waits for the photo raises it.
            future.set_exception(error)


@cache
def openers() -> Openers:
    return Openers()


def opened(
    decode: Callable[[bytes], Image.Image], photos: Sequence[Photo], failures: dict[int, StoredPhotoError]
) -> Generator[Image.Image, None, None]:
    """Yield the photos that can be read, in their order, while threads open the next; `failures` gets the others.

    `decode` makes an image of a file, as Encoder.open does. The threads may not ask the database. A photo whose storage
    hangs is a transient failure, and so are all while every thread waits for such a storage.
    """
    threads = openers()
    if threads.all_hang():
        failures.update((photo.pk, StoredPhotoError(SILENT, transient=True)) for photo in photos)
        return
    patience = PATIENCE
    opening = ((photo.pk, threads.submit(partial(open_stored, photo, decode))) for photo in photos)
    ahead = deque(islice(opening, AHEAD))
    try:
        while ahead:
            photo_id, future = ahead.popleft()
            ahead.extend(islice(opening, 1))
            try:
                image = future.result(patience)
            except StoredPhotoError as error:
                failures[photo_id] = error
            except TimeoutError:
                threads.give_up(future)
                patience = LEFT
                failures[photo_id] = StoredPhotoError(SILENT, transient=True)
            else:
                yield image
    finally:
        for _, future in ahead:
            threads.give_up(future)
