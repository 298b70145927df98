"""How well Lamplight finds: leave-one-out over a catalogue, through the HTTP API of the real stack.

Every product's first photo is asked, and the product itself is struck from its answer. Reported are the category top-1
of the gate and how often a product of the same family (same category, same value in the family column) is among the
first 1 and 10, with a hard gate (the likeliest category alone), the soft gate as served, and an open one.

A head that has seen the photo would flatter the gate, so its probabilities come from heads that have not: they are
trained on the other folds by the code that trains the served head, and sent as `category=`. With --queries, labelled
photos that were never indexed are asked of the served gate as well.
"""

import argparse
import csv
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from tqdm import tqdm

from benchmarks.shop import data_folder

EXAMPLES = """examples:
  python -m benchmarks.relevance shop.csv --weights random imagenet weights/resnet50.pth
  python -m benchmarks.relevance demo/catalog/catalog.csv --family family --queries demo/queries/queries.csv
"""
GATES = ("hard", "soft", "open")
Gate = Mapping[str, str]
"""Of each kind of gate the categories to search, as the API's `category` parameter takes them."""


@dataclass(frozen=True)
class Query:
    """A photo, what it shows, the products that count as found, and the product to strike from the answer."""

    photo: Path
    category: str
    wanted: frozenset[str]
    own: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.relevance",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--weights", nargs="+", default=["random"], help="as LAMPLIGHT_WEIGHTS (%(default)s)")
    parser.add_argument("--family", default="name", help="column that products of one family share (%(default)s)")
    parser.add_argument(
        "--queries", type=Path, help="a CSV file with image, sku, category: photos not in the catalogue"
    )
    options = parser.parse_args()
    if len(options.weights) == 1:
        measure(options)
        return
    for weights in options.weights:  # Settings are read once a process.
        others = [sys.argv[0], str(options.catalog), "--weights", weights, "--family", options.family]
        others += ["--queries", str(options.queries)] if options.queries else []
        subprocess.run([sys.executable, "-m", "benchmarks.relevance", *others[1:]], check=True)


def measure(options: argparse.Namespace) -> None:
    """Print the tables of one kind of weights."""
    [weights] = options.weights
    with data_folder(weights):
        from django.core.management import call_command

        from config.stack import running

        with running() as stack:
            call_command("import_catalog", options.catalog, quiet=True)
            index = stack.wait_until_indexed()
            head = index["head"]
            print(f"\n## {options.catalog}, weights {weights}")
            quality = f"accuracy {head['accuracy']:.3f}, calibration error {head['calibration_error']:.3f}"
            print(f"Head, cross-validated: {quality}")
            queries, gates = leave_one_out(options.family)
            print(f"\nLeave-one-out, {len(queries)} products, {sum(bool(q.wanted) for q in queries)} with a family:\n")
            print(table(queries, gates, stack.url, cutoffs=(1, 10)))
            if options.queries:
                queries = labelled(options.queries)
                print(f"\n{len(queries)} photos that are not in the catalogue, looking for their own product:\n")
                print(table(queries, served(queries, stack.url), stack.url, cutoffs=(1, 5, 10)))


def leave_one_out(family: str) -> tuple[list[Query], list[Gate]]:
    """A query for every product's first photo, and the gate's choices by heads that have not seen it."""
    from catalog.models import Product

    products = list(Product.objects.with_photos().filter(photos__isnull=False).distinct().order_by("sku"))
    kin: dict[tuple[str, str], set[str]] = {}
    for product in products:
        kin.setdefault(_family(product, family), set()).add(product.sku)
    queries = [
        Query(
            Path(product.photos.all()[0].file.path),
            product.category.slug,
            frozenset(kin[_family(product, family)] - {product.sku}),
            product.sku,
        )
        for product in products
    ]
    return queries, _unseen_gates([product.photos.all()[0].pk for product in products])


def _family(product: Any, column: str) -> tuple[str, str]:
    value = product.name if column == "name" else product.attributes.get(column, product.sku)
    return product.category.slug, str(value)


def _unseen_gates(photo_ids: Iterable[int]) -> list[Gate]:
    """For each photo the choices of heads trained without its product."""
    from catalog.models import Category
    from ml.classifier import cross_validate
    from search.models import Embedding, Space

    space = Space.objects.get(state=Space.State.LIVE)
    rows = Embedding.objects.filter(space_id=space.pk).order_by("photo_id")
    columns = zip(*rows.values_list("vector", "category_id", "photo__product_id", "photo_id"), strict=True)
    vectors, labels, groups, photos = (list(column) for column in columns)
    held_out = cross_validate(
        np.stack([np.asarray(vector, np.float32) for vector in vectors]), np.array(labels), np.array(groups)
    )
    slugs = dict(Category.objects.values_list("pk", "slug"))
    by_photo = {
        photos[row]: dict(zip(held_out.classes, held_out.probabilities[place].tolist(), strict=True))
        for place, row in enumerate(held_out.rows)
    }
    # A photo that was rejected, or whose category is too small for a head, is searched for everywhere.
    return [_choices(by_photo.get(photo, {}), slugs) for photo in photo_ids]


def _choices(probabilities: Mapping[int, float], slugs: Mapping[int, str]) -> Gate:
    from search import gate

    soft = gate.choose(probabilities, frozenset(slugs)).searched
    hard = max(probabilities, key=lambda category: probabilities[category], default=min(slugs))
    return {
        "hard": slugs[hard],
        "soft": ",".join(slugs[category] for category in sorted(soft)),
        "open": ",".join(slugs.values()),
    }


def labelled(file: Path) -> list[Query]:
    with file.open(newline="") as rows:
        return [
            Query(file.parent / row["image"], row["category"], frozenset({row["sku"]})) for row in csv.DictReader(rows)
        ]


def served(queries: Iterable[Query], url: str) -> list[Gate]:
    """The choices of the served head."""
    gates: list[Gate] = []
    for query in queries:
        categories = ask(url, query, None)["gate"]["categories"]
        soft = ",".join(category["slug"] for category in categories if category["searched"])
        everything = ",".join(category["slug"] for category in categories)
        gates.append({"hard": categories[0]["slug"], "soft": soft, "open": everything})
    return gates


def table(queries: list[Query], gates: list[Gate], url: str, cutoffs: tuple[int, ...]) -> str:
    """Category top-1, categories searched, and the share of queries with a wanted product in the first k."""
    right = np.mean([gate["hard"] == query.category for query, gate in zip(queries, gates, strict=True)])
    lines = [
        "| gate | category top-1 | categories searched | " + " | ".join(f"found in top {k}" for k in cutoffs) + " |",
        "|---|---|---|" + "---|" * len(cutoffs),
    ]
    for name in GATES:
        searched = [gate[name].count(",") + 1 for gate in gates]
        ranks = [
            rank(ask(url, query, gate[name]), query)
            for query, gate in zip(tqdm(queries, desc=name, disable=None), gates, strict=True)
            if query.wanted
        ]
        found = " | ".join(f"{np.mean([r <= k for r in ranks]):.3f}" for k in cutoffs)
        lines.append(f"| {name} | {right:.3f} | {np.mean(searched):.2f} | {found} |")
    return "\n".join(lines)


def ask(url: str, query: Query, category: str | None) -> dict[str, Any]:
    data = {"limit": "11"} | ({"category": category} if category else {})
    with query.photo.open("rb") as photo:
        answer = requests.post(f"{url}/api/v1/search/", files={"image": photo}, data=data, timeout=60)
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


def rank(answer: dict[str, Any], query: Query) -> float:
    """Place of the first wanted product, from 1; infinite when it is not there."""
    skus = [hit["product"]["sku"] for hit in answer["results"] if hit["product"]["sku"] != query.own]
    return next((place for place, sku in enumerate(skus, start=1) if sku in query.wanted), float("inf"))


if __name__ == "__main__":
    main()
