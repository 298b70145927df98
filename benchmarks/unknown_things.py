"""What the gate takes for unknown: the shop's own photos, its customers', and pictures of other things.

As in a shop, the catalogue is imported and indexed into a space for each network, and the head is trained. Then
that head judges every photo. Other things are a temple, a flower and a person (the sample images of scikit-learn and
matplotlib), each whole and in five crops, noise, and plain colours.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.shop import arguments, data_folder, stock

EXAMPLES = """example:
  python -m benchmarks.unknown_things demo/catalog/catalog.csv demo/queries/queries.csv \\
      --weights efficientnet_lite2:imagenet resnet50:weights/resnet50.pth resnet50:random
"""


def main() -> None:
    parser = arguments("python -m benchmarks.unknown_things", __doc__, EXAMPLES)
    parser.add_argument("queries", type=Path, help="a CSV file with image: customers' photos of these products")
    options = parser.parse_args()
    with data_folder(options.weights[0]):
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Print a row for each space."""
    import django

    django.setup()
    from django.core.management import call_command

    from ml.images import open_photo
    from search.models import Space

    stock(options)
    with options.queries.open(newline="") as file:
        customers = [open_photo((options.queries.parent / row["image"]).read_bytes()) for row in csv.DictReader(file)]
    headings = ("space", "photos learned from", "customers' photos", "other things", "noise", "plain colours")
    rows = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for space in Space.objects.all():
        call_command("index", space=space.name, share=1.0)
        own = judged(space, None)
        shares = [own, *(judged(space, images) for images in (customers, [*other_things()], [*noise()], [*plain()]))]
        rows.append(f"| {space.summary} | {' | '.join(f'{share:.2f}' for share in shares)} |")
    print("\n", *rows, sep="\n")


def judged(space: "object", images: "list[Image.Image] | None") -> float:
    """The share of the images, or of the space's stored photos, that its head calls unknown."""
    from ml.classifier import Classifier
    from search import encoders
    from search.models import Space
    from search.store import vectors

    assert isinstance(space, Space)
    newest = space.heads.newest()
    assert newest is not None
    head = Classifier.from_bytes(bytes(newest.weights))
    found = vectors.sample(space, 1000) if images is None else encoders.encoder_for(space).encode(images)
    return float(head.is_unknown(found).mean())


def other_things() -> Iterator[Image.Image]:
    """A temple, a flower and a person, each whole, in its four quarters, and its centre."""
    from matplotlib.cbook import get_sample_data
    from sklearn.datasets import load_sample_image

    pictures = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    pictures.append(Image.open(str(get_sample_data("grace_hopper.jpg", asfileobj=False))).convert("RGB"))
    for picture in pictures:
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
