"""Why a product matches, measured: whether shares add up, where heat points, how sure words are, and the time it takes.

The catalogue is imported, indexed and learned from as in a shop. Customers' photos and pictures of rooms, which had no
part in that, are asked about through the code that answers the API. Printed are

- how far the shares of either photo are from adding up to the similarity of the search,
- how often the hottest place lies in the product: in its own region of a room, grown by half on each side, and in the
  whole room; and in whole rooms, how often it lies in a thing of the first result's category,
- the expected calibration error of each word in 15 bins, over the first 10 results and over the first alone. The last
  column is the error that probabilities without any fault would have in so few photos,
- how often an attribute is guessed that the photo shows, and how often the guess is right,
- the time that the explanation takes.
"""

import argparse
import csv
import os
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

# As in the web server (config/web/__main__.py), before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from benchmarks.boxes import Box, area, as_region, box_of, grown, holds, within
from benchmarks.shop import Network, add_network, data_folder, index_catalog
from ml.arrays import Bools, Floats
from ml.images import WHOLE, Region

if TYPE_CHECKING:
    from catalog.models import Product
    from ml.explanation import HeatMap
    from ml.kinship import Likelihood
    from search.explanations import Explanation

EXAMPLES = """example:
  python -m benchmarks.explanations demo/catalog/catalog.csv --queries demo/queries/queries.csv \\
      --rooms demo/rooms/rooms.csv
"""
SHOWN = 10  # results of each photo whose words are judged
BINS = 15
DRAWS = 200  # of truths that fit the probabilities, for the error that chance alone makes
LARGE = 0.1  # of a room's area
WORDS = ("piece", "style", "kind")

Asked = list[tuple[Path, Region, str]]
"""Photos, the regions of them that are asked with, and the skus of the products that they show."""


class Pointed(NamedTuple):
    """Whether the middle of the hottest cell lies in one of a photo's boxes, by heat and by shares."""

    by_heat: bool
    by_shares: bool
    area: float
    """Of the boxes together, as a share of the photo's: what a place drawn at random would hit, where none overlap."""


class Judged(NamedTuple):
    """What is said of one result of a photo, and what is true."""

    likelihood: "Likelihood"
    truth: tuple[bool, bool, bool]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explanations",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--queries", type=Path, required=True, help="a CSV file with image and sku: customers' photos")
    parser.add_argument("--rooms", type=Path, required=True, help="a CSV file with image, sku and the product's box")
    add_network(parser)
    parser.set_defaults(weights=Network("efficientnet_lite2", "imagenet"))
    options = parser.parse_args()
    with data_folder(options.weights):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    index_catalog(options.catalog)
    from django.core.management import call_command

    call_command("train_head", verbosity=0)
    with options.queries.open(newline="") as queries, options.rooms.open(newline="") as rooms:
        photos, boxes = list(csv.DictReader(queries)), list(csv.DictReader(rooms))
    print(sums(options.queries.parent, photos), flush=True)
    print(hottest(options.rooms.parent, boxes), flush=True)
    asked: Asked = [(options.queries.parent / row["image"], WHOLE, row["sku"]) for row in photos]
    tight: Asked = [(options.rooms.parent / row["image"], as_region(box_of(row)), row["sku"]) for row in boxes]
    wide: Asked = [(options.rooms.parent / row["image"], as_region(grown(box_of(row))), row["sku"]) for row in boxes]
    print(words({"customers' photos": asked, "boxes in rooms": tight, "boxes grown by half": wide}))
    print(times(options.queries.parent, photos))


def sums(folder: Path, photos: Sequence[dict[str, str]]) -> str:
    """The first result of each customer's photo, and what the shares of both photos add up to."""
    gaps, right, guessed, traits = [], 0, 0, 0
    for row in tqdm(photos, "Adding", disable=None):
        found = search(folder / row["image"], explain=True)
        if found.explanation is None:
            continue
        why, first = found.explanation, found.matches.hits[0]
        gaps += [abs(total(shown) - first.similarity) for shown in (why.query, why.photo)]
        own = product(row["sku"]).attributes
        traits += len(first.product.attributes)
        guessed += len(why.traits)
        right += sum(own.get(trait.name) == trait.expected for trait in why.traits)
    return (
        f"\nShares add up to the similarity of the search within {max(gaps):.6f} ({len(gaps)} maps)."
        f"\nOf {traits} attributes of first results {guessed} are guessed ({guessed / traits:.2f}), "
        f"of these {right / max(1, guessed):.2f} rightly."
    )


def hottest(folder: Path, rows: Sequence[dict[str, str]]) -> str:
    heat: dict[str, list[Pointed]] = {"its region": [], "whole room": [], "whole room, large products": []}
    for row in tqdm(rows, "Looking", disable=None):
        box, photo = box_of(row), product(row["sku"]).photos.all()[0]
        region = grown(box)
        why = explain(folder / row["image"], photo.pk, as_region(region))
        heat["its region"].append(pointed(why.query, [within(box, region)]))
        why = explain(folder / row["image"], photo.pk)
        heat["whole room"].append(pointed(why.query, [box]))
        if area(box) > LARGE:
            heat["whole room, large products"].append(heat["whole room"][-1])
    firsts = []
    for name in sorted({row["image"] for row in rows}):
        found = search(folder / name, explain=True)
        if not found.matches.hits or found.explanation is None:
            continue
        category = found.matches.hits[0].product.category.slug
        alike = [box_of(row) for row in rows if row["image"] == name and row["category"] == category]
        if alike:
            firsts.append(pointed(found.explanation.query, alike))
    heat["whole room, first result, in a thing of its category"] = firsts
    lines = [
        "\n| asked | photos | hottest place by heat is in it | by shares | share of the photo that it fills |",
        "|---|---|---|---|---|",
    ]
    for name, hits in heat.items():
        shown = " | ".join(f"{cell:.3f}" for cell in np.mean(hits, axis=0))
        lines.append(f"| {name} | {len(hits)} | {shown} |")
    return "\n".join(lines)


def words(kinds: dict[str, Asked]) -> str:
    lines = [
        "\n| asked | results | word | pairs | probability | true | ECE | by chance |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, asked in kinds.items():
        judged = [list(judge(*one)) for one in tqdm(asked, name, disable=None)]
        for told, pairs in (
            (f"first {SHOWN}", [*chain.from_iterable(judged)]),
            ("first", [one for all_ in judged for one in all_[:1]]),
        ):
            for place, word in enumerate(WORDS):
                said = np.array([getattr(pair.likelihood, word) for pair in pairs])
                true = np.array([pair.truth[place] for pair in pairs])
                cells = (said.mean(), true.mean(), calibration_error(said, true), chance(said))
                shown = " | ".join(f"{cell:.3f}" for cell in cells)
                lines.append(f"| {name} | {told} | {word} | {len(pairs)} | {shown} |")
    return "\n".join(lines)


def judge(path: Path, region: Region, sku: str) -> Iterator[Judged]:
    """What is said of the first results of a photo that shows the product."""
    from search import encoders, explanations

    found, own = search(path, region, min_similarity=0, limit=SHOWN), product(sku)
    encoder = encoders.encoder_for(found.space)
    seen = explanations.look(encoder, encoder.open(path.read_bytes(), region))
    for hit in found.matches.hits:
        choice = found.choice
        why = explanations.explain(found.space, encoder, seen, hit.photo, choice.searched, choice.probabilities)
        if why.likelihood is not None:
            kind = hit.product.category_id == own.category_id
            style = kind and hit.product.name == own.name
            yield Judged(why.likelihood, (hit.product.pk == own.pk, style, kind))


def times(folder: Path, photos: Sequence[dict[str, str]]) -> str:
    from search.stopwatch import Stopwatch

    plain, asked, part, alone = (list[float]() for _ in range(4))
    for row in tqdm([*photos, *photos], "Timing", disable=None):
        path = folder / row["image"]
        search(path, watch=(watch := Stopwatch()))
        plain.append(watch.timings_ms()["total"])
        found = search(path, explain=True, watch=(watch := Stopwatch()))
        asked.append(watch.timings_ms()["total"])
        part.append(watch.timings_ms()["explain"])
        explain(path, found.matches.hits[0].photo.pk, watch=(watch := Stopwatch()))
        alone.append(watch.timings_ms()["total"])
    beyond = [more - less for more, less in zip(asked, plain, strict=True)]
    taken = {
        "search": plain,
        "search with explain": asked,
        "the difference": beyond,
        "its stage `explain`": part,
        "explain by itself": alone,
    }
    lines = ["\n| milliseconds | p50 | p95 |", "|---|---|---|"]
    for name, spans in taken.items():
        lines.append(f"| {name} | {np.median(spans):.1f} | {np.quantile(spans, 0.95):.1f} |")
    return "\n".join(lines)


def search(path: Path, region: Region = WHOLE, watch: Any = None, **fields: Any) -> Any:
    """What POST /api/v1/search/ finds (search.api.photo_search.Found)."""
    from search.api import photo_search
    from search.stopwatch import Stopwatch

    return photo_search.find(form(path, region, **fields), watch or Stopwatch())


def explain(path: Path, photo: int, region: Region = WHOLE, watch: Any = None) -> "Explanation":
    """What POST /api/v1/search/explain/ answers."""
    from search.api import photo_search
    from search.stopwatch import Stopwatch

    return photo_search.explain(form(path, region, photo=photo), watch or Stopwatch())


def form(path: Path, region: Region, **fields: Any) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    upload = SimpleUploadedFile(path.name, path.read_bytes())
    return {"image": upload, **fields} | (
        {} if region == WHOLE else {"region": ",".join(f"{part:.6f}" for part in region)}
    )


def product(sku: str) -> "Product":
    from catalog.models import Product

    return Product.objects.get(sku=sku)


def total(shown: "HeatMap") -> float:
    return float(shown.shares.sum() + shown.padding_share)


def pointed(shown: "HeatMap", boxes: Sequence[Box]) -> Pointed:
    by_heat, by_shares = (any(holds(box, *middle(grid)) for box in boxes) for grid in (shown.heat, shown.shares))
    return Pointed(by_heat, by_shares, sum(map(area, boxes)))


def middle(grid: Floats) -> tuple[float, float]:
    """The middle of the cell of the highest value, x and y as fractions."""
    row, column = np.unravel_index(grid.argmax(), grid.shape)
    return float(column + 0.5) / grid.shape[1], float(row + 0.5) / grid.shape[0]


def calibration_error(said: Floats, true: Bools) -> float:
    """The mean gap between probability and truth over equal-width bins, weighted by their pairs."""
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, weights=said - true, minlength=BINS)).sum() / len(said))


def chance(said: Floats) -> float:
    """The mean error where the truth is drawn with these very probabilities."""
    random = np.random.default_rng(0)
    return float(np.mean([calibration_error(said, random.random(len(said)) < said) for _ in range(DRAWS)]))


if __name__ == "__main__":
    main()
