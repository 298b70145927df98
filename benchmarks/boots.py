"""Boots of the web server with four clients there at once: how long they wait, and how often nobody is answered.

Nothing is asked before the four: two search by a photo, one by a photo of several things, one by words.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import requests
from tqdm import tqdm

from benchmarks.shop import data_folder
from benchmarks.web import PHOTO, SEARCH_PATH, parser, port, prepare, wait_until, web_server

HUNG = 20  # Seconds without an answer: a first search takes two.
EXAMPLES = """examples:
  python -m benchmarks.boots
  python -m benchmarks.boots --boots 5
"""


def main() -> None:
    arguments = parser("boots", __doc__, EXAMPLES)
    arguments.add_argument("--boots", type=int, default=50, help="how often (%(default)s)")
    options = arguments.parse_args()
    with data_folder(options.weights):
        prepare()
        listening, answered, hung = [], [], 0
        for _ in tqdm(range(options.boots), "Boots", disable=None):
            with web_server():
                begun = time.monotonic()
                wait_until(listens=True)
                listening.append(time.monotonic() - begun)
                try:
                    four_searches()
                    answered.append(time.monotonic() - begun)
                except requests.Timeout:
                    hung += 1
    print(f"\n{options.boots} boots, hung: {hung}")
    print("| s after the start | p50 | longest |\n|---|---|---|")
    for name, seconds in (("listening", listening), ("all four answered", answered)):
        print(f"| {name} | {np.median(seconds):.2f} | {max(seconds):.2f} |")


def four_searches() -> None:
    """Returns when all are answered. Raises requests.Timeout after HUNG seconds."""
    url = f"http://127.0.0.1:{port()}{SEARCH_PATH}"
    post = partial(requests.post, url, files={"image": PHOTO.read_bytes()}, timeout=HUNG)
    searches: list[Callable[[], requests.Response]] = [
        post,
        post,
        partial(post, data={"objects": "auto"}),
        partial(requests.get, f"{url}text/", {"q": "a lamp to read by"}, timeout=HUNG),
    ]
    with ThreadPoolExecutor(len(searches)) as clients:
        for asked in [clients.submit(search) for search in searches]:
            asked.result().raise_for_status()


if __name__ == "__main__":
    main()
