"""Search by words among many products: requests to the real stack, by words alone, by meaning, and by both.

The first products are described in made-up words and encoded as a worker does it; their vectors are mixed for all
others. The stack runs once with the text encoder and once without, which tells what it takes of a web process.
"""

import argparse
import http.client
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

# As in the web server (config/web/__main__.py), before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.shop import data_folder, wait_until_idle

if TYPE_CHECKING:
    from catalog.models import Category, Product
    from ml.text_encoder import TextEncoder

ENCODED = 20_000  # The most products whose texts are really encoded; it takes a minute.
WARM_UP, QUERIES = 40, 200
AT_ONCE = 5_000
NOISE = 0.02  # standard deviation of each of 384 numbers: a mixture's cosine to itself with it is 0.93
MADE_OF = {
    "kinds": "sofa armchair stool bench desk bed wardrobe shelf lamp pendant rug mirror table sideboard bookcase",
    "colours": "white black grey blue green red yellow brown beige pink orange purple oak walnut pine birch",
    "stuffs": "wool cotton leather velvet linen steel brass glass marble rattan bamboo cork felt paper plastic stone",
    "rooms": "kitchen bedroom nursery hall office garden balcony bathroom cellar attic library studio",
}
ASKED = (
    "couch", "something to sit on", "light for reading", "place to sleep for guests", "where to put my books",
    "soft thing for the floor", "desk for the office", "green velvet sofa", "storage for clothes", "garden seat",
    "walnut table", "small table for the nursery", "leather armchair", "hanging light", "oak bed", "cupboard",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=20_000, help="products (%(default)s)")
    parser.add_argument("--queries", type=int, default=QUERIES, help="requests of each kind (%(default)s)")


def run(options: argparse.Namespace) -> None:
    with data_folder():
        import django

        django.setup()
        from django.core.management import call_command

        from search import text_encoders

        call_command("migrate", verbosity=0)
        call_command("prepare", verbosity=0)
        encoder = text_encoders.text_encoder()
        if encoder is None:
            raise SystemExit("TEXT_ENCODER is none: there is no meaning to measure")
        stock(encoder, options.rows)
        begun = time.perf_counter()
        call_command("maintain", verbosity=0)
        print(f"index built in {time.perf_counter() - begun:.0f} s, recall of the nearest {recall(encoder):.3f}")
        print(f"encoding a query: {timed(partial(encode, encoder), options.queries)} ms (p50, p95)")
        print(f"\n{options.rows:,} products, ms a request (p50, p95)")
        alone = served(("words",), options.queries, text_encoders.NONE)
        both = served(("words", "meaning", "both"), options.queries)
        print(f"memory of a web process: {alone:.0f} MB without the encoder, {both:.0f} MB with it")


def served(modes: Sequence[str], count: int, text_encoder: str = "") -> float:
    """Print what requests to a stack take. Returns the memory of its web process, in MB."""
    from config.stack.site import running

    os.environ["TEXT_ENCODER"] = text_encoder
    with running() as stack:
        wait_until_idle()
        for mode in modes:
            took = timed(partial(ask, Client(stack.url), mode), count)
            print(f"  {mode:8} {'no encoder' if text_encoder else 'encoder':10} {took}", flush=True)
        return memory(stack.pid("web"))


def ask(client: "Client", mode: str, words: str) -> None:
    client.get(f"/api/v1/search/text/?{urlencode({'q': words, 'mode': mode})}")


class Client:
    """One connection that is kept, as a shop's own server has it."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def get(self, path: str) -> bytes:
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body
        return body


def timed(search: Callable[[str], object], count: int) -> str:
    times = []
    for number in range(WARM_UP + count):
        begun = time.perf_counter()
        search(ASKED[number % len(ASKED)])
        times.append(1000 * (time.perf_counter() - begun))
    return "{:.1f} {:.1f}".format(*np.percentile(times[WARM_UP:], [50, 95]))


def memory(main: int) -> float:
    """The proportional memory of a web server's processes, in MB: pages shared by several processes count in part."""
    children = [int(pid) for pid in Path(f"/proc/{main}/task/{main}/children").read_text().split()]
    lines = [line for pid in [main, *children] for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def stock(encoder: "TextEncoder", rows: int) -> None:
    """Add so many products with their texts' vectors."""
    from catalog.models import Category, Product
    from search import text_indexing
    from search.store import text_vectors

    category = Category.objects.create(slug="things", name="Things")
    described = descriptions()
    for start in tqdm(range(0, rows, AT_ONCE), "Adding", disable=None):
        made = [product(category, number, described) for number in range(start, min(rows, start + AT_ONCE))]
        Product.objects.bulk_create(made)
    begun, encoded = time.perf_counter(), 0
    while encoded < min(rows, ENCODED):
        encoded += text_indexing.index_batch(encoder)
    print(f"{encoded:,} products' texts indexed, {encoded / (time.perf_counter() - begun):.0f} a second")
    known = vectors_of(encoder)
    generator = np.random.default_rng(0)
    left = text_indexing.pending(encoder).order_by("pk").values_list("pk", "text_digest")
    with tqdm(total=rows - encoded, desc="Mixing", disable=None) as bar:
        while some := list(left[:AT_ONCE]):
            one, other = known[generator.integers(len(known), size=(2, len(some)))]
            share = generator.uniform(0.1, 0.9, (len(some), 1))
            mixed = share * one + (1 - share) * other + generator.normal(0, NOISE, one.shape)
            mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
            text_vectors.write(encoder.model, [(pk, text_indexing.FORM + digest) for pk, digest in some], mixed)
            left = left.filter(pk__gt=some[-1][0])
            bar.update(len(some))


def descriptions() -> Iterator[tuple[str, dict[str, str], str]]:
    """Names, attributes and descriptions, without end."""
    chance, words = random.Random(0), {name: text.split() for name, text in MADE_OF.items()}
    lists = [words[name] for name in ("kinds", "colours", "stuffs", "stuffs", "rooms", "rooms", "stuffs")]
    while True:
        kind, colour, stuff, other, room, place, name = map(chance.choice, lists)
        text = (
            f"A {colour} {kind} of {stuff} for the {room}, with details in {other}. It goes well in the {place}, too."
        )
        yield f"{name.upper()} {kind}", {"color": colour, "material": stuff}, text


def product(category: "Category", number: int, described: Iterator[tuple[str, dict[str, str], str]]) -> "Product":
    from catalog.models import Product

    name, attributes, text = next(described)
    return Product(
        category=category, sku=f"W-{number}", name=name, attributes=attributes, description=text, price=number % 900
    )


def vectors_of(encoder: "TextEncoder") -> NDArray[np.float32]:
    from search.models import TextEmbedding
    from search.store import vectors

    rows = TextEmbedding.objects.filter(encoder=encoder.model.fingerprint).order_by("product_id")
    return vectors.stacked(
        [vector for (vector,) in vectors.fetch(rows.values_list("vector"))], encoder.model.dimensions
    )


def recall(encoder: "TextEncoder") -> float:
    """The share of the nearest products by an exact scan that the index finds, over the queries."""
    from search.meaning import MOST
    from search.store import text_vectors

    shares = []
    for words in ASKED:
        (vector,) = encoder.encode([words], "query")
        found = [distance for _, distance, _ in text_vectors.nearest(encoder.model, vector, [], MOST)]
        exact = [distance for _, distance, _ in text_vectors.nearest(encoder.model, vector, [], MOST, exactly=True)]
        shares.append(np.mean(np.array(found) <= exact[-1] + 1e-6))
    return float(np.mean(shares))


def encode(encoder: "TextEncoder", words: str) -> None:
    encoder.encode([words], "query")
