"""Which recipe finds best on a catalogue: each is built as a space beside the others, and the scorecard compares them.

The recipes are ResNet50 on the weights given, by layer, pooling, fit and PCA; ResNet18 and VGG16 where the weights are
"imagenet" or "random"; and an autoencoder trained on the catalogue itself. Products look for their family
(leave-one-out). With --queries, labelled photos that are not in the catalogue look for their products.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.shop import data_folder

EXAMPLES = """examples:
  python -m benchmarks.relevance shop.csv --weights random imagenet weights/resnet50.pth
  python -m benchmarks.relevance demo/catalog/catalog.csv --family family --queries demo/queries/queries.csv
  python -m benchmarks.relevance shop.csv --weights imagenet --only pca --reports /tmp/shop
"""
COMPONENTS = (64, 128, 256, 512)


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
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--weights", nargs="+", default=["random"], help="as LAMPLIGHT_WEIGHTS (%(default)s)")
    parser.add_argument("--family", default="name", help="column that products of one family share (%(default)s)")
    parser.add_argument("--queries", type=Path, help="photos not in the catalogue, as manage.py evaluate takes them")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="only spaces whose name has one of these in it")
    parser.add_argument("--reports", type=Path, help="folder for the scorecards, as HTML and JSON")
    options = parser.parse_args()
    with data_folder(options.weights[0]) as var:
        measure(options, var)


def measure(options: argparse.Namespace, var: Path) -> None:
    """Build the spaces and print what the scorecard says of them."""
    import django

    django.setup()
    from django.core.management import CommandError, call_command

    call_command("migrate", verbosity=0)
    call_command("prepare")
    call_command("import_catalog", options.catalog, quiet=True)
    call_command("index")
    for entry in entries(options.weights):
        if options.only and not any(part in entry.name for part in options.only):
            continue
        try:
            if entry.name == "autoencoder":
                call_command("train_autoencoder", output=var / "autoencoder.safetensors")
            arguments = [argument.format(var=var) for argument in entry.arguments]
            call_command("create_space", entry.name, *arguments)
            call_command("index", space=entry.name, share=1.0)
        except CommandError as error:  # For example, it has fewer photos than components.
            print(f"{entry.name} is left out: {error}", file=sys.stderr)
    print(f"\n## {options.catalog}\n\n{report(options, var, 'catalogue', '--family', options.family)}")
    if options.queries:
        print(f"\n### {options.queries}\n\n{report(options, var, 'queries', '--queries', str(options.queries))}")


def entries(weights: list[str]) -> Iterator[Entry]:
    """The spaces to compare. The space of the first weights is live already."""
    for place, kind in enumerate(weights):
        base = name_of("resnet50", kind)
        chosen = ("--weights", kind)
        if place:
            yield Entry(base, chosen)
        for variant in (
            ("fit", "crop"),
            ("fit", "squash"),
            ("pooling", "gem"),
            ("pooling", "max"),
            ("layer", "layer3"),
        ):
            yield Entry(f"{base}-{variant[1]}", (*chosen, f"--{variant[0]}", variant[1]))
        for count in COMPONENTS:
            yield Entry(f"{base}-pca{count}", ("--from", base, "--pca", str(count)))
        yield Entry(f"{base}-pca128-whitened", ("--from", base, "--pca", "128", "--whiten"))
        if kind in ("imagenet", "random"):
            yield Entry(f"resnet18-{kind}", (*chosen, "--backbone", "resnet18"))
            yield Entry(f"vgg16-fc1-l2-{kind}", (*chosen, "--backbone", "vgg16", "--metric", "l2"))
            yield Entry(f"vgg16-pool5-{kind}", (*chosen, "--backbone", "vgg16", "--layer", "pool5"))
    yield Entry("autoencoder", ("--backbone", "autoencoder", "--weights", "{var}/autoencoder.safetensors"))


def name_of(backbone: str, weights: str) -> str:
    from ml.recipes import make_recipe

    return make_recipe(weights, backbone).name


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
