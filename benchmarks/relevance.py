"""Which recipe finds best on a catalogue: each is built as a space beside the others, and the scorecard compares them.

Each network is built as it is. A trained one is also varied: by fit, pooling, layer and PCA. An untrained one is there
to be compared with, so it gets one space only. Products look for their family (leave-one-out). With --queries, labelled
photos that are not in the catalogue look for their products.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.photos import add_catalog
from benchmarks.shop import Network, add_networks, data_folder, index_catalog

EXAMPLES = """examples:
  python -m benchmarks.relevance shop.csv --weights efficientnet_lite2:imagenet resnet50:weights/resnet50.pth
  python -m benchmarks.relevance demo/catalog/catalog.csv --family family --queries demo/queries/queries.csv
  python -m benchmarks.relevance shop.csv --weights imagenet random    (both are of ResNet50)
  python -m benchmarks.relevance shop.csv --weights vgg16:imagenet --only pca --reports /tmp/shop
"""
COMPONENTS = (64, 128, 256)
# The layer before the one that is read by default. A backbone that is not here is not varied by layer.
EARLIER = {
    "resnet50": "layer3",
    "resnet18": "layer3",
    "vgg16": "pool5",
    "efficientnet_lite0": "blocks.15",
    "efficientnet_lite2": "blocks.20",
}


@dataclass(frozen=True)
class Entry:
    """A space to compare: its name, and the arguments of create_space that make it."""

    name: str
    arguments: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.relevance",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_catalog(parser)
    add_networks(parser, "efficientnet_lite2:imagenet", "efficientnet_lite0:imagenet", "resnet50:random")
    parser.add_argument(
        "--autoencoder", action="store_true", help="also train an autoencoder on the catalogue: it takes two minutes"
    )
    parser.add_argument("--queries", type=Path, help="photos not in the catalogue, as manage.py evaluate takes them")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="only variants whose name has one of these in it")
    parser.add_argument("--reports", type=Path, help="folder for the scorecards, as HTML and JSON")
    options = parser.parse_args()
    with data_folder(options.weights[0]) as var:
        measure(options, var)


def measure(options: argparse.Namespace, var: Path) -> None:
    """Build the spaces and print what the scorecard says of them."""
    index_catalog(options.catalog)
    from django.core.management import call_command

    bases = {network.name for network in options.weights}  # Others are derived from these.
    for entry in entries(options.weights):
        if entry.name in bases or not options.only or any(part in entry.name for part in options.only):
            build(entry)
    if options.autoencoder:
        file = var / "autoencoder.safetensors"
        call_command("train_autoencoder", output=file)
        build(Entry("autoencoder", ("--backbone", "autoencoder", "--weights", str(file))))
    print(f"\n## {options.catalog}\n\n{report(options, var, 'catalogue', '--family', options.family)}")
    if options.queries:
        print(f"\n### {options.queries}\n\n{report(options, var, 'queries', '--queries', str(options.queries))}")


def build(entry: Entry) -> None:
    """Create the space and index the catalogue into it. One that cannot be created is left out, and the reason told."""
    from django.core.management import CommandError, call_command

    try:
        call_command("create_space", entry.name, *entry.arguments)
        call_command("index", space=entry.name, share=1.0)
    except CommandError as error:  # For example, it has fewer photos than components.
        print(f"{entry.name} is left out: {error}", file=sys.stderr)


def entries(networks: Sequence[Network]) -> Iterator[Entry]:
    """The spaces to compare: trained networks with their variants, then untrained ones. The first one given is live."""
    for network in sorted(networks, key=lambda network: not network.is_trained):
        base = network.name
        if network != networks[0]:
            yield Entry(base, network.flags)
        if network.is_trained:
            yield from variants(network, base)


def variants(network: Network, base: str) -> Iterator[Entry]:
    """What else a trained network can be; `base` is the space of the network as it is."""
    varied = [("fit", "crop"), ("pooling", "gem"), ("pooling", "max")]
    if network.backbone in EARLIER:
        varied.append(("layer", EARLIER[network.backbone]))
    for option, value in varied:
        yield Entry(f"{base}-{value.replace('.', '-')}", (*network.flags, f"--{option}", value))
    for count in COMPONENTS:
        yield Entry(f"{base}-pca{count}", ("--from", base, "--pca", str(count)))
    yield Entry(f"{base}-pca128-whitened", ("--from", base, "--pca", "128", "--whiten"))


def report(options: argparse.Namespace, var: Path, name: str, *arguments: str) -> str:
    """The scorecard of all spaces as a Markdown table. The folder for reports gets all of it."""
    from django.core.management import call_command

    folder = options.reports or var
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{options.catalog.stem}-{name}.json"
    files = ["--json", str(target)] + (["--html", str(target.with_suffix(".html"))] if options.reports else [])
    call_command("evaluate", "--all", *arguments, "--timed", "0", *files, stdout=target.with_suffix(".txt").open("w"))
    return table(json.loads(target.read_text()))


def table(scorecard: dict[str, Any]) -> str:
    """One row a space: the head, recall with each gate, and what the soft gate costs."""
    asked = scorecard["asked"]
    lines = [
        f"{asked['queries']} photos ask, {asked['wanting']} of them for {asked['wanted_by']}.\n",
        "| space | dimensions | category top-1 | ECE | R@1 soft | R@10 hard / soft / open | mAP soft | scanned |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for space in scorecard["spaces"]:
        head, gates = space["category"] or {"top1": 0.0, "calibration_error": 0.0}, space["gates"]
        at10 = " / ".join(f"{gates[gate]['recall']['10']:.3f}" for gate in ("hard", "soft", "open"))
        soft = gates["soft"]
        cells = (
            space["space"],
            f"{space['dimensions']:,}",
            f"{head['top1']:.3f}",
            f"{head['calibration_error']:.3f}",
            f"{soft['recall']['1']:.3f}",
            at10,
            f"{soft['mean_average_precision']:.3f}",
            f"{soft['scanned']:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
