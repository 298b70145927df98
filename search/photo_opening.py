"""Opening stored photos ahead of what looks at them."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import islice

from PIL import Image

from catalog.models import Photo
from catalog.photos import open_stored
from catalog.storage import StoredPhotoError

# Threads that open photos, and the most photos they are ahead of the encoder: two of torch's batches on a CPU, about
# 500 kB a photo. From a local disk one thread is as fast as 16. From a storage that takes 50 ms to answer, two feed 38
# photos a second, and four feed all that two cores encode.
OPENERS, AHEAD = 4, 32


@cache
def openers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(OPENERS, "open")


def opened(
    decode: Callable[[bytes], Image.Image], photos: Sequence[Photo], failures: dict[int, StoredPhotoError]
) -> Generator[Image.Image, None, None]:
    """Yield the photos that can be read, in their order, while threads open the next; `failures` gets the others.

    `decode` makes an image of a file, as Encoder.open does. The threads may not ask the database. A photo that hangs
    is a transient failure, for which its thread waits for seconds. While the whole storage hangs all fail at once.
    """
    threads = openers()
    opening = ((photo.pk, threads.submit(partial(open_stored, photo, decode))) for photo in photos)
    ahead = deque(islice(opening, AHEAD))
    try:
        while ahead:
            photo_id, future = ahead.popleft()
            ahead.extend(islice(opening, 1))
            try:
                image = future.result()
            except StoredPhotoError as error:
                failures[photo_id] = error
            else:
                yield image
    finally:
        for _, future in ahead:
            future.cancel()
