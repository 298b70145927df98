"""Opening stored photos ahead of what looks at them."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

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


def opened(
    decode: Callable[[bytes], Image.Image], photos: Sequence[Photo], failures: dict[int, StoredPhotoError]
) -> Generator[Image.Image, None, None]:
    """Yield the photos that can be read, in their order, while threads open the next; `failures` gets the others.

    `decode` makes an image of a file, as Encoder.open does. The threads may not ask the database. A photo whose storage
    hangs is a transient failure.
    """
    pool = ThreadPoolExecutor(OPENERS, "open")
    patience = PATIENCE
    try:
        opening = ((photo.pk, pool.submit(open_stored, photo, decode)) for photo in photos)
        ahead = deque(islice(opening, AHEAD))
        while ahead:
            photo_id, future = ahead.popleft()
            ahead.extend(islice(opening, 1))
            try:
                image = future.result(patience)
            except StoredPhotoError as error:
                failures[photo_id] = error
            except TimeoutError:
                patience = LEFT
                failures[photo_id] = StoredPhotoError("The photo storage does not answer.", transient=True)
            else:
                yield image
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # Do not wait for a storage that hangs.
