"""Exports of three shop systems, from the file to an answer: imported, fetched, imported again, and searched.

The sample catalogue is exported as Shopify, Google and WooCommerce do, fifty products each (demo.exports). Its photos
are served by a web server on this machine, from which the workers fetch them. Each product is then asked for with a
customer's photo, which nobody imported.
"""

import argparse
import os
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from demo.__main__ import CATALOG, ask, customers_photos
from demo.exports import Product, exports

PATIENCE = 300  # Seconds without a photo that comes, after which something is wrong.


class Photos(SimpleHTTPRequestHandler):
    """The sample's photos, and how many were sent."""

    sent: Counter[int] = Counter()
    lock = Lock()

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        with self.lock:
            self.sent[int(code)] += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@dataclass
class Line:
    """What became of an export."""

    name: str
    products: list[Product]
    first: Counter[str]
    again: Counter[str]
    photos: int = 0
    right: int = 0
    family: int = 0

    def __str__(self) -> str:
        return (
            f"| {self.name} | {told(self.first)} | {self.photos} | {told(self.again)} "
            f"| {self.right} of {len(self.products)} | {self.family} of {len(self.products)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exports",
        description=__doc__,
        epilog="Example: python -m benchmarks.exports",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder, photo_server() as images:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LAMPLIGHT_VAR": folder,
            "PORT": str(free_port()),
            "SEARCH_THROTTLE": "off",
            "FETCH_HTTP": "1",
            "FETCH_NETWORKS": "127.0.0.1/32",
        }
        show(images, Path(folder))


@contextmanager
def photo_server() -> Iterator[str]:
    """The address of a server of the sample catalogue's folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Photos, directory=str(CATALOG.parent)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def show(images: str, folder: Path) -> None:
    from config.stack.site import run_or_exit, running

    with run_or_exit(), running("Starting ...") as stack:
        from catalog.models import PhotoAddress

        lines = []
        for name, (products, text) in exports(images).items():
            (folder / name).write_text(text)
            lines.append(Line(name, products, imported(folder / name), Counter()))
        wait_until_fetched(stack)
        first = Counter(Photos.sent)
        for line in lines:
            line.again = imported(folder / line.name)
        wait_until_fetched(stack)
        again = Photos.sent - first
        stack.wait_until_indexed()
        queries = customers_photos()
        for line in lines:
            skus = [product["sku"] for product in line.products]
            fetched = PhotoAddress.objects.filter(product__sku__in=skus, state=PhotoAddress.State.FETCHED)
            line.photos = fetched.count()
            for product in line.products:
                answer = ask(stack, queries[product["sku"]])
                line.right += answer["gate"]["categories"][0]["name"].casefold() == product["category"]
                line.family += answer["results"][0]["product"]["name"].startswith(product["name"])
        print("\n| export | imported | photos fetched | imported again | right category | right product line first |")
        print("|---|---|---|---|---|---|")
        print(*lines, sep="\n")
        print(f"\nAnswers of the photos' server: {told(first)} at first, {told(again)} the second time.")


def imported(path: Path) -> Counter[str]:
    """Import a file. How many rows came to what."""
    from catalog.importing.importer import import_rows
    from catalog.importing.recognition import read

    return Counter(result.outcome.value for result in import_rows(read(path)))


def wait_until_fetched(stack: Any) -> None:
    from catalog.models import PhotoAddress

    waiting = PhotoAddress.objects.filter(state=PhotoAddress.State.WAITING)
    left, since = waiting.count(), time.monotonic()
    while left:
        stack.tend()
        time.sleep(0.5)
        now = waiting.count()
        if now < left:
            left, since = now, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            raise TimeoutError(f"{left} photos are not fetched")


def told(counts: Counter[Any]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items(), key=str)) or "none"


if __name__ == "__main__":
    main()
