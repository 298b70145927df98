"""Queries over HTTP: a photo posted to the real stack, in a shop with one large category.

First, queries come one after the other, each beside one bare pass of the encoder over the same photo, split by stage.
Then 1, 4 and 6 clients ask, each again as soon as it is answered.
"""

import argparse
import http.client
import io
import json
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.shop import add_network, data_folder, wait_until_idle

if TYPE_CHECKING:
    from catalog.models import Category
    from search.models import Space

# Queries that are asked and not counted: the first ones pay for each page of PostgreSQL's memory that they meet.
WARM_UP = 300
# Width and height, and how many times the bare encoder's time a whole request may take.
SIZES = {(500, 500): 1.5, (3000, 2000): 2.5}
# The web server admits eight searches at once (config.web.lanes), and counts one until its answer is sent.
CLIENTS = (1, 4, 6)
NOISE = 6  # of 255: an enlarged photo has none, and a JPEG of it would be a third of a camera's.
BOUNDARY = "lamplight-benchmark"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--catalog", default="demo/catalog/catalog.csv", help="as import_catalog takes (%(default)s)")
    parser.add_argument("--rows", type=int, default=20_000, help="products in the large category (%(default)s)")
    parser.add_argument("--queries", type=int, default=60, help="queries of each size, in turn (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="seconds of each load (%(default)s)")
    add_network(parser)


def run(options: argparse.Namespace) -> None:
    with data_folder(options.weights):
        import django

        django.setup()
        from django.core.management import call_command

        from config.stack.site import running
        from search.models import Space

        call_command("migrate", verbosity=0)
        call_command("prepare", verbosity=0)
        call_command("import_catalog", options.catalog, quiet=True)
        call_command("index", verbosity=0)
        space = Space.objects.get(state=Space.State.LIVE)
        photos = grow(space, options.rows)
        call_command("maintain", verbosity=0)
        call_command("train_head", verbosity=0)  # Otherwise a worker would train it beside the queries.
        with running() as stack:
            wait_until_idle()
            for size, most in SIZES.items():
                queries = [jpeg(photo, size) for photo in islice(cycle(photos), options.queries + WARM_UP)]
                print(one_by_one(space, stack.url, queries, size, most))
            print(loaded(stack.url, [jpeg(photo, (500, 500)) for photo in photos], options.seconds))


def grow(space: "Space", rows: int) -> list[Image.Image]:
    """Fill the category with the most photos up to `rows` products; returns its own photos.

    The vectors are mixtures of two of the category's own, with a third of their deviation as noise. They lie as near to
    a query as look-alikes do.
    """
    from catalog.models import Photo
    from search.store import vectors

    category = _largest()
    own = list(Photo.objects.filter(product__category=category).order_by("pk"))
    _, known = vectors.read(space, [photo.pk for photo in own])
    generator = np.random.default_rng(0)
    ids = _add_products(category, rows - len(own))
    for start in tqdm(range(0, len(ids), 1000), "Growing", disable=None):
        chunk = ids[start : start + 1000]
        one, other = known[generator.integers(len(known), size=(2, len(chunk)))]
        share = generator.uniform(0.1, 0.9, (len(chunk), 1))
        made = share * one + (1 - share) * other + generator.normal(0, 0.3, one.shape) * known.std(axis=0)
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        vectors.write(space, [(photo_id, category.pk) for photo_id in chunk], made)
    return [Image.open(photo.file.path).convert("RGB") for photo in own]


def _largest() -> "Category":
    from django.db.models import Count

    from catalog.models import Category

    return Category.objects.annotate(photos=Count("products__photos")).order_by("-photos", "pk")[0]


def _add_products(category: "Category", count: int) -> list[int]:
    """Add products with one photo each, without a file. Returns the photos' ids."""
    from catalog.models import Photo, Product

    generator = np.random.default_rng(1)
    products = Product.objects.bulk_create(
        (
            Product(sku=f"grown-{n}", name=f"Grown {n}", category=category, price=n % 1000, attributes={"grown": True})
            for n in range(count)
        ),
        batch_size=1000,
    )
    photos = Photo.objects.bulk_create(
        (
            Photo(
                product=product,
                file="photos/none.jpg",
                sha256=f"{product.pk:064x}",
                width=800,
                height=800,
                fingerprint=generator.bytes(768),
            )
            for product in products
        ),
        batch_size=1000,
    )
    return [photo.pk for photo in photos]


def jpeg(photo: Image.Image, size: tuple[int, int]) -> bytes:
    """The photo as a camera of that size would have saved it."""
    pixels = np.asarray(photo.resize(size, Image.Resampling.BICUBIC), np.float32)
    noise = np.random.default_rng(0).normal(0, NOISE, pixels.shape)
    out = io.BytesIO()
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


def one_by_one(space: "Space", url: str, photos: Sequence[bytes], size: tuple[int, int], most: float) -> str:
    from search import encoders

    encoder = encoders.encoder_for(space)
    whole, bare = "whole request, as the client sees it", "bare encoder, one photo"
    stages = defaultdict(list)
    ask = Client(url).ask
    for data in photos:
        photo = encoder.open(data)
        stages[bare].append(_milliseconds(partial(encoder.encode, [photo])))
        begun = time.perf_counter()
        answer = ask(data)
        stages[whole].append(1000 * (time.perf_counter() - begun))
        for stage, milliseconds in json.loads(answer)["timings_ms"].items():
            stages[f"of it: {stage}" if stage != "total" else "of it: all that the server times"].append(milliseconds)
    kilobytes = np.mean([len(data) for data in photos]) / 1000
    asked = f"{len(photos) - WARM_UP} queries of {size[0]} x {size[1]} px, {kilobytes:.0f} kB"
    lines = [f"\n| {asked} | p50 ms | p95 ms |", "|---|---|---|"]
    for stage, times in stages.items():
        p50, p95 = np.percentile(times[WARM_UP:], [50, 95])
        lines.append(f"| {stage} | {p50:.1f} | {p95:.1f} |")
    ratio = np.median(stages[whole][WARM_UP:]) / np.median(stages[bare][WARM_UP:])
    lines.append(f"\nWhole request / bare encoder: {ratio:.2f} (bar: {most}, {'met' if ratio <= most else 'MISSED'}).")
    return "\n".join(lines)


def loaded(url: str, photos: list[bytes], seconds: float) -> str:
    lines = ["\n| clients | queries/s | p50 ms | p95 ms | longest ms | errors |", "|---|---|---|---|---|---|"]
    for clients in CLIENTS:
        with ThreadPoolExecutor(clients) as pool:
            begun = time.perf_counter()
            asked = [pool.submit(_ask_on, url, photos[n:] + photos[:n], begun + seconds) for n in range(clients)]
            answers = [answer for one in asked for answer in one.result()]
            took = time.perf_counter() - begun
        times = [milliseconds for milliseconds, status in answers if status == 200]
        p50, p95, longest = np.percentile(times, [50, 95, 100])
        lines.append(
            f"| {clients} | {len(times) / took:.1f} | {p50:.0f} | {p95:.0f} | {longest:.0f} "
            f"| {len(answers) - len(times)} |"
        )
    return "\n".join(lines)


def _ask_on(url: str, photos: Sequence[bytes], deadline: float) -> list[tuple[float, int]]:
    """Milliseconds and status of each query asked until the deadline."""
    client = Client(url)
    answers: list[tuple[float, int]] = []
    for data in cycle(photos):
        begun = time.perf_counter()
        if begun > deadline:
            return answers
        client.ask(data)
        answers.append((1000 * (time.perf_counter() - begun), client.status))
    return answers


class Client:
    """One connection, kept open; http.client, because a client that is measured should cost little."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        self.status = 0

    def ask(self, photo: bytes) -> bytes:
        """The body of the answer to a search; its status is kept."""
        disposition = 'Content-Disposition: form-data; name="image"; filename="query.jpg"'
        head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: image/jpeg\r\n\r\n"
        body = head.encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        self.connection.request("POST", "/api/v1/search/", body, headers)
        response = self.connection.getresponse()
        self.status = response.status
        return response.read()


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begun)
