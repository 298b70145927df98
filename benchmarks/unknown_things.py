"""What is called unknown: the shop's own photos, its customers', and pictures of other things.

For each network a head learns from the catalogue and from views of it in made-up rooms, as a shop's head does. Printed
is the share of each kind of pictures that it calls unknown, and how well likeness (ml.novelty) tells them from
customers' photos: the area under the ROC curve, 0.5 for a coin, 1 for no mistake. Last, each category is left out of
the shop in turn, and its photos are told from those of the categories that are sold.

Other things are a temple, a flower and a person (the sample images of scikit-learn and matplotlib), each whole and in
five crops, noise, and plain colours. --others names folders of further pictures.
"""

import argparse
import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from benchmarks import photos
from benchmarks.photos import Photos
from benchmarks.shop import Network, add_networks
from ml.arrays import Floats
from ml.encoder import Encoder
from ml.head_fitting import Origin, fit_classifier
from ml.images import open_photo
from ml.novelty import fit_novelty
from ml.room_views import view

EXAMPLES = """examples:
  python -m benchmarks.unknown_things demo/catalog/catalog.csv demo/queries/queries.csv
  python -m benchmarks.unknown_things shop.csv customers.csv --others pictures/animals pictures/fridges \\
      --weights efficientnet_lite2:imagenet resnet50:weights/resnet50.pth resnet50:random
"""
PICTURES = (".jpg", ".jpeg", ".png", ".webp")

Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Seen:
    """All that is judged, as one network sees it."""

    catalogue: Photos
    photos: Vectors
    views: Vectors
    customers: Vectors
    customers_categories: NDArray[np.int64]
    others: dict[str, Vectors]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.unknown_things",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    photos.add_catalog(parser)
    parser.add_argument("queries", type=Path, help="a CSV file with image and category: customers' photos")
    add_networks(parser, "efficientnet_lite2:imagenet", "efficientnet_lite0:imagenet", "resnet50:random")
    parser.add_argument("--others", type=Path, nargs="+", default=[], help="folders of pictures of other things")
    options = parser.parse_args()
    catalogue = photos.read(options.catalog, options.family)
    seen = {network.name: look(network, catalogue, options.queries, options.others) for network in options.weights}
    print("\nShare called unknown:\n", called_unknown(seen), sep="\n")
    print("\nArea under the ROC curve, other things against customers' photos:\n", told_apart(seen), sep="\n")
    print("\nArea under the ROC curve, a category that is not sold against those that are:\n", left_out(seen), sep="\n")


def look(network: Network, catalogue: Photos, queries: Path, folders: Sequence[Path]) -> Seen:
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder, queries.open(newline="") as table:
        encoder = Encoder(network.recipe(), cache=Path(folder))
        rows = list(csv.DictReader(table))

        def encoded(images: Iterator[Image.Image]) -> Vectors:
            return encoder.encode(tqdm(images, network.name, disable=None))

        opened = photos.opened(catalogue.files, encoder.open)
        views = (view(image, np.random.default_rng(place)) for place, image in enumerate(opened))
        others = {path.name: encoded(pictures(path)) for path in folders}
        others |= {"temple, flower, person": encoded(other_things()), "noise": encoded(noise())}
        return Seen(
            catalogue,
            encoded(iter(photos.opened(catalogue.files, encoder.open))),
            encoded(views),
            encoded(iter(photos.opened([queries.parent / row["image"] for row in rows], encoder.open))),
            np.array([catalogue.category_names.index(row["category"]) for row in rows]),
            {**others, "plain colours": encoded(plain())},
        )


def called_unknown(seen: dict[str, Seen]) -> str:
    rows = []
    for name, shop in seen.items():
        stacked = np.concatenate([shop.photos, shop.views])
        labels, products = (np.tile(column, 2) for column in (shop.catalogue.categories, shop.catalogue.products))
        origins = np.repeat([Origin.CATALOGUE, Origin.VIEW], len(shop.photos))
        head = fit_classifier(stacked, labels, products, origins)
        shares = [head.is_unknown(shop.photos, shop.catalogue.products).mean(), head.is_unknown(shop.customers).mean()]
        shares += [head.is_unknown(vectors).mean() for vectors in shop.others.values()]
        rows.append((name, [f"{share:.2f}" for share in shares]))
    return table(["space", "own photos", "customers' photos", *next(iter(seen.values())).others], rows)


def told_apart(seen: dict[str, Seen]) -> str:
    rows = []
    for name, shop in seen.items():
        novelty = fit_novelty(shop.photos, shop.catalogue.categories, shop.catalogue.products)
        usual = novelty.likeness(shop.customers)
        areas = [area(novelty.likeness(vectors), usual) for vectors in shop.others.values()]
        rows.append((name, [f"{value:.3f}" for value in areas]))
    return table(["space", *next(iter(seen.values())).others], rows)


def left_out(seen: dict[str, Seen]) -> str:
    """Studio photos are compared with studio photos, and customers' with customers'."""
    rows = []
    for name, shop in seen.items():
        for kind in ("studio", "customers"):
            areas = [without(shop, category, kind) for category in range(len(shop.catalogue.category_names))]
            rows.append((f"{name}, {kind}", [f"{value:.3f}" for value in (*areas, np.mean(areas))]))
    return table(["space", *next(iter(seen.values())).catalogue.category_names, "mean"], rows)


def without(shop: Seen, category: int, kind: str) -> float:
    """The area under the curve in a shop without the category."""
    sold = shop.catalogue.categories != category
    novelty = fit_novelty(shop.photos[sold], shop.catalogue.categories[sold], shop.catalogue.products[sold])
    if kind == "studio":
        likeness = novelty.likeness(shop.photos, shop.catalogue.products)
        return area(likeness[~sold], likeness[sold])
    likeness = novelty.likeness(shop.customers)
    return area(likeness[shop.customers_categories == category], likeness[shop.customers_categories != category])


def area(strange: Floats, usual: Floats) -> float:
    """The share of pairs in which the strange picture is the less alike one."""
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([1, 0], [len(strange), len(usual)])
    return float(roc_auc_score(truth, -np.concatenate([strange, usual])))


def table(headings: list[str], rows: list[tuple[str, list[str]]]) -> str:
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def pictures(folder: Path) -> Iterator[Image.Image]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PICTURES:
            yield open_photo(path.read_bytes())


def other_things() -> Iterator[Image.Image]:
    """A temple, a flower and a person, each whole, in its four quarters, and its centre."""
    from matplotlib.cbook import get_sample_data
    from sklearn.datasets import load_sample_image

    whole = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    whole.append(Image.open(str(get_sample_data("grace_hopper.jpg", asfileobj=False))).convert("RGB"))
    for picture in whole:
        width, height = picture.size
        yield picture
        for left, top in ((0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5), (0.25, 0.25)):
            box = (left * width, top * height, (left + 0.5) * width, (top + 0.5) * height)
            yield picture.crop(tuple(map(int, box)))  # type: ignore[arg-type]  # A box has four numbers.


def noise() -> Iterator[Image.Image]:
    """Pictures of fine and of coarse noise."""
    random = np.random.default_rng(0)
    for side in (224,) * 6 + (14,) * 3:
        yield Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize((224, 224))


def plain() -> Iterator[Image.Image]:
    for colour in ("white", "black", "grey", "red", "green", "blue", "beige", "brown"):
        yield Image.new("RGB", (300, 300), colour)


if __name__ == "__main__":
    main()
