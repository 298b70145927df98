"""Fetching photos at web addresses: a server on this machine, and what checking, decoding and storing add to asking it.

The bare loop is httpx2 with as many requests at once: no check, nothing kept. All ask the same server, which knows
ETags, at four addresses of this machine, in turns, so that other work of the machine slows all alike.
"""

import argparse
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from statistics import median

import numpy as np

from benchmarks.shop import data_folder
from benchmarks.speed.imports import forget, jpeg

HOSTS = [f"127.0.0.{number}" for number in range(1, 5)]
AT_ONCE = 16
ETAG = '"1"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--photos", type=int, default=1_000, help="products with a photo each (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times that each is measured (%(default)s)")


def run(options: argparse.Namespace) -> None:
    os.environ |= {"FETCH_NETWORKS": "127.0.0.0/8", "FETCH_HTTP": "1", "FETCH_REQUESTS": str(AT_ONCE)}
    with data_folder(), served(options.photos) as ports:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        hosts = [f"{host}:{port}" for host, port in zip(HOSTS, ports, strict=True)]
        urls = [f"http://{hosts[number % 4]}/{number}.jpg" for number in range(options.photos)]
        found: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, seconds in measured(urls):
                found.setdefault(name, []).append(options.photos / seconds)
        print(f"\n| a second, median of {options.rounds}, {options.photos:,} photos of 100 kB | |")
        print("|---|---|")
        for name, rates in found.items():
            print(f"| {name} | {median(rates):.0f} |")


def measured(urls: list[str]) -> Iterator[tuple[str, float]]:
    """Each way's name, and the seconds that it took."""
    import httpx2

    from catalog.fetching.client import shops_client
    from catalog.importing.importer import import_rows
    from catalog.importing.rows import ProductRow
    from catalog.models import Photo
    from catalog.photo_addresses.turn import Turn
    from catalog.photos import Picture

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # A line for each request would be a part of its time.
    with httpx2.Client(trust_env=False) as bare:
        yield "the bare loop: httpx2, nothing checked or kept", timed(lambda url: bare.get(url).content, urls)
    client = shops_client()
    yield "Lamplight's client: checked, within limits", timed(lambda url: client.fetch(url).body, urls)
    yield "the same, and decoded", timed(lambda url: Picture(client.fetch(url).body).decode(), urls)
    client.close()

    forget()
    rows = [
        ProductRow(str(n), f"CH-{n}", f"Chair {n}", f"Category {n % 20}", addresses=(url,))
        for n, url in enumerate(urls)
    ]
    begun = time.monotonic()
    list(import_rows(rows))
    yield "rows imported that name an address", time.monotonic() - begun
    begun = time.monotonic()
    list(Turn())
    yield "a worker's turn: fetched, decoded, stored", time.monotonic() - begun
    assert Photo.objects.count() == len(urls)
    begun = time.monotonic()
    list(import_rows(rows))
    yield "rows imported again", time.monotonic() - begun
    begun = time.monotonic()
    assert {each.outcome for each in Turn()} == {"unchanged"}
    yield "a worker's turn: nothing has changed (304)", time.monotonic() - begun


def timed(fetch: Callable[[str], object], urls: list[str]) -> float:
    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(fetch, urls):
            pass
    return time.monotonic() - begun


@contextmanager
def served(photos: int) -> Iterator[list[int]]:
    """A server in a process of its own. Yields its port at each of HOSTS."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(photos, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def serve(photos: int, ready: Connection) -> None:
    random = np.random.default_rng(0)
    bodies = {f"/{number}.jpg": jpeg(random) for number in range(photos)}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # Headers and body in one write.

        def do_GET(self) -> None:
            body = b"" if self.headers["If-None-Match"] == ETAG else bodies[self.path]
            self.send_response(200 if body else 304)
            self.send_header("ETag", ETAG)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    servers = [ThreadingHTTPServer((host, 0), Handler) for host in HOSTS]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    ready.send([server.server_port for server in servers])
    servers[0].serve_forever()
