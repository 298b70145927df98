"""Whether eight bits are enough: OpenVINO in int8 beside bfloat16 and float32, in speed and in what a search finds.

It needs `pip install nncf`, which Lamplight itself does not. The network is quantised after training: NNCF watches the
catalogue's photos pass through it and chooses the scales. What it then finds is judged on these photos, on customers'
photos of the same products (--queries), and on a catalogue that it has not seen (--unseen). All categories are
searched, so no head has a say. The networks take turns, a photo each, so that other work slows all alike.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks import photos
from benchmarks.photos import Pixels
from benchmarks.shop import Network, add_networks
from ml.arrays import Floats
from ml.feature_scaling import unit
from ml.preprocessing import preprocess
from ml.recipes import Recipe

EXAMPLES = """examples:
  python -m benchmarks.int8 demo/catalog/catalog.csv --family family --queries demo/queries/queries.csv
  python -m benchmarks.int8 shop.csv --unseen other-shop.csv --weights efficientnet_lite2:imagenet resnet50:PATH
"""
POINTS, FASTER = 0.005, 1.3  # int8 is worth having if it loses no more of R@10, and is so many times as fast as bf16
CALIBRATED = 300  # photos
LIVE = "bf16"  # what the CPU serves in where it can


@dataclass(frozen=True)
class Judges:
    """The photos that tell how well a network finds. Pixels are as its recipe sees them."""

    catalogue: photos.Photos
    shown: Pixels
    """(n, side, side, 3)"""
    asked: Pixels | None
    """(q, side, side, 3) customers' photos"""
    wanted: tuple[str, ...]
    unseen: photos.Photos | None
    unseen_shown: Pixels | None

    @classmethod
    def read(cls, options: argparse.Namespace, recipe: Recipe) -> "Judges":
        catalogue = photos.read(options.catalog, options.family)
        files, wanted = photos.customers(options.queries) if options.queries else ([], [])
        unseen = photos.read(options.unseen, options.unseen_family) if options.unseen else None
        return cls(
            catalogue,
            seen(photos.opened(catalogue.files), recipe),
            seen(photos.opened(files), recipe) if files else None,
            tuple(wanted),
            unseen,
            seen(photos.opened(unseen.files), recipe) if unseen else None,
        )

    def recalls(self, network: Any, vectors: Floats) -> list[float]:
        """R@10 of the catalogue's families, of the customers' products, and of the unseen catalogue's families.

        `vectors` are the network's own of the catalogue's photos.
        """
        found = [self.catalogue.recall_of_families(vectors)]
        if self.asked is not None:
            found.append(self.catalogue.recall_of_products(encoded(network, self.asked), self.wanted, vectors))
        if self.unseen and self.unseen_shown is not None:
            found.append(self.unseen.recall_of_families(encoded(network, self.unseen_shown)))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.int8",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    photos.add_catalog(parser)
    parser.add_argument("--queries", type=Path, help="a CSV file with image and sku: customers' photos")
    parser.add_argument("--unseen", type=Path, metavar="CATALOG", help="another catalogue, to judge by only")
    parser.add_argument("--unseen-family", default="name", help="its column of families (%(default)s)")
    parser.add_argument("--rounds", type=int, default=300, help="photos that each network is timed with (%(default)s)")
    add_networks(parser, "efficientnet_lite2:imagenet", "resnet50:random")
    options = parser.parse_args()
    judged = ["catalogue", *(["customers"] if options.queries else []), *(["unseen"] if options.unseen else [])]
    headings = ("network", "precision", "1 photo, ms", "times as fast", "cosine to float32: mean, least")
    columns = [*headings, *(f"R@10 {what}" for what in judged)]
    print(f"\n| {' | '.join(columns)} |", "|---" * len(columns) + "|", sep="\n", flush=True)
    verdicts = []
    for network in options.weights:
        rows, verdict = measure(network, options)
        print(*rows, sep="\n", flush=True)
        verdicts.append(verdict)
    print("", *verdicts, sep="\n")


def measure(network: Network, options: argparse.Namespace) -> tuple[list[str], str]:
    """The rows of one network, and whether its int8 is worth having."""
    recipe = network.recipe()
    judges = Judges.read(options, recipe)
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder:
        compiled = precisions(recipe, Path(folder), judges.shown)
    seconds = in_turn(compiled, judges.shown, options.rounds)
    vectors = {name: encoded(one, judges.shown) for name, one in compiled.items()}
    rows, recalls = [], {}
    for name, one in compiled.items():
        recalls[name] = judges.recalls(one, vectors[name])
        cosines = (vectors[name] * vectors["f32"]).sum(axis=1)
        cells = (
            network.name,
            name,
            f"{1000 * seconds[name]:.2f}",
            f"{seconds[LIVE] / seconds[name]:.2f}",
            f"{cosines.mean():.4f}, {cosines.min():.4f}",
            *(f"{recall:.3f}" for recall in recalls[name]),
        )
        rows.append(f"| {' | '.join(cells)} |")
    lost = max(before - after for before, after in zip(recalls[LIVE], recalls["int8"], strict=True))
    faster = seconds[LIVE] / seconds["int8"]
    good = lost <= POINTS and faster >= FASTER
    return rows, (
        f"{network.name}, int8 against {LIVE}: {faster:.2f} times as fast ({FASTER} or more), R@10 lost at most "
        f"{100 * lost:.1f} points ({100 * POINTS} or less): {'worth having' if good else 'not worth having'}."
    )


def precisions(recipe: Recipe, cache: Path, shown: Pixels) -> dict[str, Any]:
    """The network compiled in float32, in bfloat16 and in int8; each is one request at a time on all cores."""
    try:
        import nncf  # type: ignore[import-not-found]
    except ImportError:
        raise SystemExit("This needs NNCF: pip install nncf") from None
    from ml.openvino_networks import MODEL
    from ml.openvino_runtime import OpenvinoNetwork

    exact, served = (OpenvinoNetwork(recipe, cache, precision) for precision in ("f32", LIVE))
    [file] = cache.glob(f"*/{MODEL}")
    watched = np.random.default_rng(0).permutation(shown)[:CALIBRATED]
    data = nncf.Dataset(list(watched), lambda photo: photo[None])
    small = nncf.quantize(served.compiler.core.read_model(file), data, subset_size=len(watched))
    return {"f32": exact.compiled, LIVE: served.compiled, "int8": served.compiler.compile(small)}


def in_turn(compiled: Mapping[str, Any], shown: Pixels, rounds: int) -> dict[str, float]:
    """Median seconds that a photo takes each network."""
    requests = {name: one.create_infer_request() for name, one in compiled.items()}
    times: dict[str, list[float]] = {name: [] for name in compiled}
    for number in tqdm(range(rounds), desc="rounds", leave=False):
        photo = shown[number % len(shown)][None]
        for name, request in requests.items():
            request.infer({0: photo})  # Not timed: it fills the caches with the network's own weights.
            begun = time.perf_counter()
            request.infer({0: photo})
            times[name].append(time.perf_counter() - begun)
    return {name: float(np.median(taken)) for name, taken in times.items()}


def encoded(compiled: Any, shown: Pixels) -> Floats:
    """(n, dimensions), of length 1."""
    request = compiled.create_infer_request()
    return unit(np.concatenate([request.infer({0: photo[None]})[0].copy() for photo in shown]))


def seen(images: Iterable[Image.Image], recipe: Recipe) -> Pixels:
    """(n, side, side, 3) what the network sees of the photos."""
    return np.stack([preprocess(image, recipe) for image in images])


if __name__ == "__main__":
    main()
