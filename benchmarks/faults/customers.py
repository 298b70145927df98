"""Who asks the site meanwhile, and what is answered: a search by photo, a list of products, a photo, an upload."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from threading import Event, Lock, Thread
from uuid import uuid4

import requests

from benchmarks.faults.activities import picture

SECONDS = 20  # The longest that a customer waits.
PAUSE = 0.2  # Between two requests of one customer.


class Customers:
    """Threads that ask, until the block ends."""

    def __init__(self, url: str, token: str, skus: Sequence[str], photos: Sequence[str]) -> None:
        """`skus` get photos; `photos` are names of stored ones, which are looked at."""
        self.url = url
        self.statuses: Counter[str] = Counter()
        self.slowest = 0.0
        """Seconds of the slowest answer, or of a wait that was given up."""
        self.unanswered: list[float] = []
        """When requests were begun that got no answer, by the monotonic clock."""
        self.without_retry_after = 0
        self.accepted: set[str] = set()
        """The photos that were answered with a 201, by the paths of their files."""
        self._headers = {"Authorization": f"Token {token}"}
        self._skus, self._photos = skus, photos
        self._over, self._lock = Event(), Lock()

    def __enter__(self) -> "Customers":
        self._threads = [
            Thread(target=self._ask, args=(ask,)) for ask in (self._search, self._list, self._look, self._upload)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, ask: Callable[[], requests.Response]) -> None:
        while not self._over.wait(PAUSE):
            begun = time.monotonic()
            try:
                answer = ask()
                status = str(answer.status_code)
            except requests.RequestException as error:
                answer, status, waited = None, "none", isinstance(error, requests.Timeout)
            else:
                waited = True
            with self._lock:
                self.statuses[status] += 1
                if waited:
                    self.slowest = max(self.slowest, time.monotonic() - begun)
                if answer is None:
                    self.unanswered.append(begun)
                else:
                    self.without_retry_after += answer.status_code == 503 and "Retry-After" not in answer.headers

    def _search(self) -> requests.Response:
        photo = {"image": picture(7)}
        return requests.post(f"{self.url}/api/v1/search/", files=photo, timeout=SECONDS)

    def _list(self) -> requests.Response:
        return requests.get(f"{self.url}/api/v1/products/", timeout=SECONDS)

    def _look(self) -> requests.Response:
        return requests.get(f"{self.url}/media/{random.choice(self._photos)}", timeout=SECONDS)

    def _upload(self) -> requests.Response:
        address = f"{self.url}/api/v1/products/{random.choice(self._skus)}/photos/"
        photo = {"image": picture(uuid4().int % (1 << 31))}
        answer = requests.post(address, files=photo, headers=self._headers, timeout=SECONDS)
        if answer.status_code == 201:
            self.accepted |= {photo["file"].partition("/media/")[2] for photo in answer.json()}
        return answer
