"""What words find: nDCG@10 of the search by words, by meaning and by both, over customers' queries.

A query names the products that are wanted by a regular expression on a column of the catalogue. Every search is a
request to the API. Queries made of a product's own words tell whether what has the words still comes first.
"""

import argparse
import csv
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# As in the web server (config/web/__main__.py), before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.shop import data_folder

if TYPE_CHECKING:
    from django.test import Client

EXAMPLES = """examples:
  python -m benchmarks.words shop.csv queries.csv
  python -m benchmarks.words shop.csv benchmarks/queries/furniture.csv --wanted type --each
"""
MODES = ("words", "meaning", "both")
AT = 10
FIRST = 3  # places that a product's own words must not lose
# Gains of the first AT places (Järvelin and Kekäläinen 2002).
DISCOUNTS = 1 / np.log2(np.arange(AT) + 2)


def arguments(prog: str, description: str | None, examples: str) -> argparse.ArgumentParser:
    """What a benchmark takes that asks a catalogue queries in words."""
    parser = argparse.ArgumentParser(
        prog=prog, description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes; its photos are not needed")
    parser.add_argument("queries", type=Path, nargs="+", help="CSV files with query and wanted, a regular expression")
    parser.add_argument("--wanted", default="type", help="the column that the expressions are about (type)")
    return parser


def main() -> None:
    parser = arguments("python -m benchmarks.words", __doc__, EXAMPLES)
    parser.add_argument("--each", action="store_true", help="print each query with its first three products")
    options = parser.parse_args()
    with data_folder():
        measure(options)


def measure(options: argparse.Namespace) -> None:
    rows = list(csv.DictReader(options.catalog.open(encoding="utf-8-sig")))
    stock(rows)
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    for path in options.queries:
        queries = list(csv.DictReader(path.open(encoding="utf-8")))
        print(f"\n{path.name}: {len(queries)} queries, nDCG@{AT}")
        for mode in MODES:
            gains = [
                gain(client, query["query"], wanted(rows, options.wanted, query["wanted"]), mode) for query in queries
            ]
            empty = sum(not ask(client, query["query"], mode) for query in queries)
            print(f"  {mode:8} {np.mean(gains):.3f}   without an answer: {empty}")
        if options.each:
            each(client, rows, options.wanted, queries)
    own_words(client, rows)


def stock(rows: Sequence[dict[str, str]]) -> None:
    """Import the catalogue without its photos, and index its texts."""
    import django

    django.setup()
    from django.core.management import call_command

    from search import text_encoders, text_indexing

    call_command("migrate", verbosity=0)
    call_command("prepare")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in rows[0] if name != "image"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        call_command("import_catalog", file.name, quiet=True)
    encoder = text_encoders.text_encoder()
    if encoder is None:
        raise SystemExit("TEXT_ENCODER is none: there is no meaning to measure")
    begun, count = time.perf_counter(), 0
    while made := text_indexing.index_batch(encoder):
        count += made
    print(f"{count} products' texts indexed, {count / (time.perf_counter() - begun):.0f} a second")


def ask(client: "Client", words: str, mode: str, size: int = AT) -> list[str]:
    """The skus found, best first."""
    answer = client.get("/api/v1/search/text/", {"q": words[:200], "mode": mode, "page_size": str(size)}).json()
    return [hit["product"]["sku"] for hit in answer["results"]]


def wanted(rows: Sequence[dict[str, str]], column: str, expression: str) -> set[str]:
    return {row["sku"] for row in rows if re.search(expression, row[column])}


def gain(client: "Client", words: str, good: set[str], mode: str) -> float:
    """nDCG at AT, where every wanted product gains 1."""
    hits = np.array([sku in good for sku in ask(client, words, mode)])
    return float((hits * DISCOUNTS[: len(hits)]).sum() / DISCOUNTS[: len(good)].sum())


def each(client: "Client", rows: Sequence[dict[str, str]], column: str, queries: Sequence[dict[str, str]]) -> None:
    shown = {row["sku"]: row[column] for row in rows}
    for query in queries:
        good = wanted(rows, column, query["wanted"])
        first = [f"{'+' if sku in good else '-'} {shown[sku]}" for sku in ask(client, query["query"], "both")[:FIRST]]
        print(f"  {gain(client, query['query'], good, 'both'):.2f}  {query['query']:50} {' | '.join(first)}")


def own_words(client: "Client", rows: Sequence[dict[str, str]]) -> None:
    """Whether a product that words find among the first loses a place where meaning is searched as well."""
    asked = lost = 0
    for words in sorted({words for row in rows for words in phrases(row)}):
        before, after = (ask(client, words, mode) for mode in ("words", "both"))
        asked += 1
        lost += any(after.index(sku) > place for place, sku in enumerate(before[:FIRST]))
    print(f"\nqueries made of a product's own words: {asked}; of these lose a place among the first {FIRST}: {lost}")


def phrases(row: dict[str, str]) -> Iterator[str]:
    """Queries made of a product's own words."""
    texts = {name: text for name, text in row.items() if text and name not in ("image", "category")}
    yield from texts.values()
    yield " ".join(texts.get("description", "").split()[:5]) or row["name"]
    others = [text for name, text in texts.items() if name not in ("sku", "name", "description")]
    yield from (f"{row['name']} {text}" for text in others)


if __name__ == "__main__":
    main()
