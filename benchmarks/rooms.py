"""What a photo of a room gives: the share of its products found, by one search of the whole photo and thing by thing.

Real rooms tell which products they show, rendered ones also where (demo/rooms). Photos of one thing tell what looking
for several costs there. Every search is a request to the API, as a shop's page sends it.
"""

import argparse
import csv
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

# As in the web server (config/web/__main__.py), before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from benchmarks.boxes import Box, box_of, edges
from benchmarks.shop import arguments, data_folder, index_catalog
from ml.detector import overlap

if TYPE_CHECKING:
    from django.test import Client

EXAMPLES = """examples:
  python -m benchmarks.rooms demo/catalog/catalog.csv --boxes demo/rooms/rooms.csv --queries demo/queries/queries.csv
  python -m benchmarks.rooms shop.csv --rooms rooms.csv --weights efficientnet_lite0:imagenet
"""
GROUP = 10  # products of a group, and groups of a photo
OVERLAP = 0.5
LIKELY = 0.15  # the least confidence of what the shop's page shows at once
TIMED = 40  # photos
NUMBERS = (1, 2, 5, 10)  # of things looked for, at most, whose time is measured


@dataclass
class Room:
    """A photo and the products that it shows. Boxes, where they are known, are left, top, right, bottom."""

    file: Path
    skus: list[str] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


def main() -> None:
    parser = arguments("python -m benchmarks.rooms", __doc__, EXAMPLES)
    parser.add_argument("--rooms", type=Path, help="CSV file with image and skus, separated by |")
    parser.add_argument("--boxes", type=Path, help="CSV file with image, sku, x, y, width and height, a product a row")
    parser.add_argument("--queries", type=Path, help="CSV file with image and sku: photos of one thing")
    options = parser.parse_args()
    if not (options.rooms or options.boxes or options.queries):
        parser.error("name photos with --rooms, --boxes or --queries")
    for network in options.weights[:1]:
        with data_folder(network):
            measure(options, network.name)


def measure(options: argparse.Namespace, name: str) -> None:
    index_catalog(options.catalog)
    from search import detector_training
    from search.models import Space

    space = Space.objects.get(state=Space.State.LIVE)
    sets = [(path, reader(path)) for path, reader in ((options.rooms, rooms), (options.boxes, boxed)) if path]
    for label in ("regions of a grid", "a detector"):
        if label == "a detector":
            begun = time.perf_counter()
            detector = detector_training.train_if_due(space)
            if detector is None:
                print("no detector: too few photos can be cut out, or the network has no map")
                return
            print(f"\ndetector trained in {time.perf_counter() - begun:.0f} s; in made-up scenes: {detector.found}")
        print(f"\n{name}, {label}")
        for path, photos in sets:
            print(f"  {path.name}: {_line(photos, label)}")
            if label == "a detector":
                print(f"  {path.name}: {_likely(photos)}")
                for line in _by_number(photos):
                    print(f"  {path.name}: {line}")
        if options.queries:
            print(f"  {options.queries.name}: {_one_thing(boxless(options.queries))}")


def _line(photos: Sequence[Room], label: str) -> str:
    whole, grouped, found, first, seen, times, single = 0, 0, 0, 0, 0, [], []
    for room in photos:
        answer, took = _search(room.file, objects="auto")
        times.append(took)
        single.append(_search(room.file)[1])
        groups = [_skus(group["results"]) for group in answer["objects"]]
        seen += len(groups)
        whole += len({*room.skus} & {*_skus(answer["results"])})
        grouped += len({*room.skus} & {sku for group in groups for sku in group})
        boxes = np.array([edges(group["box"]) for group in answer["objects"]], np.float32)
        found += sum(float(overlap(boxes, np.array(box)).max()) >= OVERLAP for box in room.boxes)
        first += any(float(overlap(boxes[:1], np.array(box)).max()) >= OVERLAP for box in room.boxes)
    total = sum(len(room.skus) for room in photos)
    text = f"found by the whole photo {whole / total:.3f}, thing by thing {grouped / total:.3f}"
    if photos[0].boxes:
        text += f"; boxes {found / total:.3f}, of the first thing {first / len(photos):.3f}"
    return f"{text}; {seen / len(photos):.1f} things a photo; {_times(times)}; as one thing {_times(single)}"


def _likely(photos: Sequence[Room]) -> str:
    """What the page shows at once, and how many of these boxes are right."""
    right: list[bool] = []
    said, things, found = [], 0, 0
    for room in photos:
        answer, _ = _search(room.file, objects="auto")
        likely = [group for group in answer["objects"] if (group["confidence"] or 0) >= LIKELY]
        said += [group["confidence"] for group in likely]
        boxes = np.array([edges(group["box"]) for group in likely], np.float32).reshape(-1, 4)
        named = np.array([group["category"] for group in likely])
        truth = [
            (overlap(boxes, np.array(box)) >= OVERLAP) & (named == category)
            for box, category in zip(room.boxes, room.categories, strict=True)
        ]
        things, found = things + len(truth), found + sum(bool(fits.any()) for fits in truth)
        right += np.any(truth, axis=0).tolist() if truth else []
    text = f"{len(said) / len(photos):.1f} things a photo with a confidence of {LIKELY} or more"
    if not things:
        return text
    text += f": {np.mean(right):.3f} of them right (box and category), as sure as {np.mean(said):.3f} on average"
    return f"{text}; {found / things:.3f} of the things have one"


def _by_number(photos: Sequence[Room]) -> Iterator[str]:
    """The time of a search by how many things it looks for."""
    from search import objects

    most = objects.MOST
    for number in NUMBERS:
        objects.MOST = number
        times = [_search(room.file, objects="auto")[1] for room in photos[:TIMED]]
        yield f"at most {number} things: {_times(times)}"
    objects.MOST = most


def _one_thing(photos: Sequence[Room]) -> str:
    whole, first, any_, single, times = 0, 0, 0, 0, []
    for photo in photos:
        answer, took = _search(photo.file, objects="auto")
        times.append(took)
        groups = [photo.skus[0] in _skus(group["results"]) for group in answer["objects"]]
        whole += photo.skus[0] in _skus(answer["results"])
        first, any_, single = first + groups[0], any_ + any(groups), single + (len(groups) == 1)
    count = len(photos)
    text = f"R@10 of the whole photo {whole / count:.3f}, first thing {first / count:.3f}, any thing {any_ / count:.3f}"
    return f"{text}; one thing in {single / count:.3f}; {_times(times)}"


def _search(file: Path, **fields: str) -> tuple[Mapping[str, Any], float]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    upload, client = SimpleUploadedFile(file.name, file.read_bytes()), _client()
    begun = time.perf_counter()
    response = client.post(
        "/api/v1/search/", {"image": upload, "limit": GROUP, **fields}, headers={"host": "localhost"}
    )
    took = time.perf_counter() - begun
    assert response.status_code == 200, response.content
    return response.json(), 1000 * took


@cache
def _client() -> "Client":
    """One client for all requests: each new one would load the middleware, which lists all static files."""
    from django.test import Client

    return Client()


def _times(times: Sequence[float]) -> str:
    middle, high = np.percentile(times[1:] or times, [50, 95])  # The first loads the network.
    return f"p50 {middle:.0f} ms, p95 {high:.0f} ms"


def _skus(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [hit["product"]["sku"] for hit in results]


def rooms(path: Path) -> list[Room]:
    return [Room(path.parent / row["image"], row["skus"].split("|")) for row in _rows(path)]


def boxed(path: Path) -> list[Room]:
    made: dict[str, Room] = {}
    for row in _rows(path):
        room = made.setdefault(row["image"], Room(path.parent / row["image"]))
        room.skus.append(row["sku"])
        room.categories.append(row["category"])
        room.boxes.append(box_of(row))
    return list(made.values())


def boxless(path: Path) -> list[Room]:
    return [Room(path.parent / row["image"], [row["sku"]]) for row in _rows(path)]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    main()
