"""Photos with words: "like this, but in oak". Whether the sibling in another colour is found, and what it costs.

A family is a row of products that look alike but for their colour. For each two of them that differ, the first photo of
the one is sent with the colour of the other, beside the photo alone and words alone. Free wordings are checked as well:
each names, by a regular expression on columns of the catalogue, what all that is found must be. Every search is a
request to the API.
"""

import argparse
import csv
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

# As in the web server (config/web/__main__.py), before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.shop import add_network, data_folder, index_catalog

if TYPE_CHECKING:
    from django.test import Client

EXAMPLES = """examples:
  python -m benchmarks.photo_words demo/catalog/catalog.csv --weights efficientnet_lite2:imagenet \\
      --queries demo/queries/queries.csv
  python -m benchmarks.photo_words shop.csv --family series --color finish --wordings wordings.csv
"""
WORDINGS = Path(__file__).with_name("queries") / "photo_words.csv"
# Ways to say it, and what a search in words alone is told.
SAYINGS = ("in {color}", "the same but {color}", "like this, but in {color} please")
ALONE = "{type} in {color}"
FIRST = 5
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
TIMED, ROUNDS = 40, 3  # searches, and how often each

Row = Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """The photo of one product asks for another of its family."""

    shown: Row
    wanted: Row


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.photo_words",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--family", default="family", help="the column that tells families (family)")
    parser.add_argument("--color", default="color", help="the column that tells their products apart (color)")
    parser.add_argument("--wordings", type=Path, default=WORDINGS, help="CSV file with photo, words, holds")
    parser.add_argument("--queries", type=Path, help="CSV file with image and sku: ask with customers' photos as well")
    add_network(parser)
    options = parser.parse_args()
    with data_folder(options.weights):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    stock(options.catalog)
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    rows = list(csv.DictReader(options.catalog.open(encoding="utf-8-sig", newline="")))
    pairs = list(pairs_of(rows, options.family, options.color))
    print(f"\n{len(pairs)} ordered pairs of a family in two colours ({options.weights.name})")
    photos = Photos(client, options.catalog.parent)
    for line in bars(photos, pairs, options.color):
        print(f"  {line}")
    if options.queries:
        print(f"  the photos of {options.queries.name}:")
        for line in bars(customers_photos(client, options.queries), pairs, options.color):
            print(f"  {line}")
    print(f"  {times(photos, pairs, options.color)}")
    wordings(photos, rows, options.wordings)
    weights(photos, rows, options.color)


def stock(catalog: Path) -> None:
    """Import and index the catalogue, its texts and its values."""
    index_catalog(catalog)
    from catalog import vocabulary
    from search import text_encoders, text_indexing

    vocabulary.refresh()
    if encoder := text_encoders.text_encoder():
        while text_indexing.index_batch(encoder):
            pass


def pairs_of(rows: Sequence[Row], family: str, color: str) -> Iterator[Pair]:
    families = defaultdict(list)
    for row in rows:
        families[row[family]].append(row)
    for members in families.values():
        yield from (Pair(*two) for two in permutations(members, 2) if two[0][color] != two[1][color])


@dataclass
class Photos:
    """Searches by photos of products: the shop's first ones, or others."""

    client: "Client"
    folder: Path
    others: Mapping[str, Path] = field(default_factory=dict)
    """By sku."""

    def ask(self, row: Row, limit: int = FIRST, **fields: str) -> tuple[dict[str, Any], float]:
        """The answer, and the milliseconds it took."""
        from django.core.files.uploadedfile import SimpleUploadedFile

        photo = self.others.get(row["sku"]) or self.folder / row["image"].split("|")[0]
        upload = SimpleUploadedFile(photo.name, photo.read_bytes())
        begun = time.perf_counter()
        response = self.client.post("/api/v1/search/", {"image": upload, "limit": limit, **fields})
        took = 1000 * (time.perf_counter() - begun)
        assert response.status_code == 200, response.content
        return response.json(), took

    def found(self, row: Row, limit: int = FIRST, **fields: str) -> list[dict[str, Any]]:
        return products(self.ask(row, limit, **fields)[0])

    def in_words(self, words: str) -> list[dict[str, Any]]:
        given = {"q": words[:200], "page_size": str(FIRST)}
        return products(self.client.get("/api/v1/search/text/", given).json())


def customers_photos(client: "Client", queries: Path) -> Photos:
    with queries.open(newline="") as file:
        return Photos(
            client, queries.parent, {row["sku"]: queries.parent / row["image"] for row in csv.DictReader(file)}
        )


def products(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [hit["product"] for hit in answer["results"]]


def bars(photos: Photos, pairs: Sequence[Pair], color: str) -> Iterator[str]:
    """What each way to ask finds among the first five."""
    yield f"{'asked by':44} first  among five  wrong colour among the first five"

    def line(name: str, ask: Callable[[Pair], list[dict[str, Any]]]) -> str:
        first, among, wrong, shown = 0, 0, 0, 0
        for pair in pairs:
            found = ask(pair)
            skus = [one["sku"] for one in found]
            first += skus[:1] == [pair.wanted["sku"]]
            among += pair.wanted["sku"] in skus
            wrong += sum(one["attributes"].get(color) != pair.wanted[color] for one in found)
            shown += len(found)
        return f"{name:44} {first / len(pairs):.3f}  {among / len(pairs):.3f}       {wrong / max(1, shown):.3f}"

    def refined(saying: str) -> Callable[[Pair], list[dict[str, Any]]]:
        return lambda pair: photos.found(pair.shown, words=saying.format(color=pair.wanted[color]))

    for saying in SAYINGS:
        yield line(f"photo and “{saying}”", refined(saying))
    yield line("photo alone", lambda pair: photos.found(pair.shown))
    yield line(
        f"words alone, “{ALONE}”",
        lambda pair: photos.in_words(ALONE.format(type=kind(pair.wanted), color=pair.wanted[color])),
    )


def kind(row: Mapping[str, Any]) -> str:
    """What a product is, without the name of its family: "dining chair"."""
    return str(row["name"]).partition(" ")[2]


def times(photos: Photos, pairs: Sequence[Pair], color: str) -> str:
    """What words add to a search, in turns with the same searches without them."""
    alone, with_condition, with_rest = [], [], []
    for pair in [*pairs[:: max(1, len(pairs) // TIMED)]] * ROUNDS:
        alone.append(photos.ask(pair.shown, limit=20)[1])
        with_condition.append(photos.ask(pair.shown, limit=20, words=f"in {pair.wanted[color]} under 2000")[1])
        with_rest.append(photos.ask(pair.shown, limit=20, words=f"in {pair.wanted[color]}, a bit cosier")[1])
    middle, condition, rest = (float(np.median(some)) for some in (alone, with_condition, with_rest))
    return (
        f"a search takes {middle:.1f} ms (median); with two conditions {condition:.1f} ms "
        f"({condition / middle:.2f} times), with one and a description {rest:.1f} ms ({rest / middle:.2f} times)"
    )


def wordings(photos: Photos, rows: Sequence[Row], path: Path) -> None:
    """Whether all that is found by a wording is what it has to be."""
    asked = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    by_sku = {row["sku"]: row for row in rows}
    held = 0
    print(f"\n{path.name}: {len(asked)} wordings")
    for wording in asked:
        answer, _ = photos.ask(by_sku[wording["photo"]], words=wording["words"])
        found = [by_sku[one["sku"]] for one in products(answer)]
        fits = bool(found) and all(holds(wording["holds"], row) for row in found)
        held += fits
        print(f"  {'+' if fits else '-'} {wording['words']:40} {taken_for(answer['words'])}")
    print(f"  {held} of {len(asked)} hold for all of the first {FIRST}")


def holds(demands: str, row: Row) -> bool:
    """Whether a product meets demands such as "color ~ oak|pine; material !~ leather; price <= 300"."""
    for demand in demands.split("; "):
        column, sign, wanted = demand.split(" ", 2)
        if not SIGNS[sign](row[column], wanted):
            return False
    return True


SIGNS: Mapping[str, Callable[[str, str], bool]] = {
    "~": lambda value, wanted: re.search(wanted, value) is not None,
    "!~": lambda value, wanted: re.search(wanted, value) is None,
    "<=": lambda value, wanted: float(value) <= float(wanted),
    ">=": lambda value, wanted: float(value) >= float(wanted),
}


def taken_for(words: Mapping[str, Any]) -> str:
    """What an answer says of the words, in short."""
    parts = []
    for one in words["understood"]:
        loosened = ", loosened" if one["loosened"] else ""
        values = "" if one["kind"] != "attribute" else f": {', '.join(one['values'][:4])}"
        parts.append(f"[{one['text']}] {one['how']}{values}{loosened}")
    parts += [f"ranked by [{words['ranked_by']}]"] if words["ranked_by"] else []
    parts += [f"not understood [{text}]" for text in words["not_understood"]]
    return f"{'; '.join(parts)}; {words['matches']} match"


def weights(photos: Photos, rows: Sequence[Row], color: str) -> None:
    """How much a description should weigh: one that names a kind of thing, beside the photo of another kind.

    Good is a product of that kind, and best the one in the colour of the photo. The product shown does not count.
    """
    from search import word_ranking

    asked = list(described(rows, color))
    served = word_ranking.WEIGHT
    print(f"\n{len(asked)} photos with the kind of another product of their category and colour, by weight")
    print("  weight  that kind first  in that colour first  among five")
    for weight in WEIGHTS:
        word_ranking.WEIGHT = weight
        kinds, first, among = 0, 0, 0
        for pair in asked:
            found = photos.found(pair.shown, limit=FIRST + 1, words=f"rather a {kind(pair.wanted)}")
            others = [one for one in found if one["sku"] != pair.shown["sku"]][:FIRST]
            skus = [one["sku"] for one in others]
            kinds += bool(others) and kind(others[0]) == kind(pair.wanted)
            first += skus[:1] == [pair.wanted["sku"]]
            among += pair.wanted["sku"] in skus
        print(f"  {weight:<6}  {kinds / len(asked):.3f}            {first / len(asked):.3f}", end="")
        print(f"                 {among / len(asked):.3f}")
    word_ranking.WEIGHT = served


def described(rows: Sequence[Row], color: str) -> Iterator[Pair]:
    for shown, wanted in permutations(rows, 2):
        if shown["category"] == wanted["category"] and shown[color] == wanted[color] and kind(shown) != kind(wanted):
            yield Pair(shown, wanted)


if __name__ == "__main__":
    main()
