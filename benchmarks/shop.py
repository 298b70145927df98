"""A shop to measure: the real stack on a catalogue of its own, in a temporary data folder."""

import argparse
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from ml.backbones import BACKBONES
from ml.recipes import RANDOM, Recipe, make_recipe

# Seconds of rest, in which all cores are busy for less than so many percent of the time.
IDLE_SECONDS, IDLE_PERCENT = 5, 10
IDLE_PATIENCE = 900
NETWORKS = (
    "networks to compare: BACKBONE:WEIGHTS, such as efficientnet_lite2:imagenet, or only the weights of a resnet50; "
    "weights are as LAMPLIGHT_WEIGHTS"
)


@dataclass(frozen=True)
class Network:
    """A backbone and its weights, as a benchmark's `--weights` names them."""

    backbone: str
    weights: str
    """As LAMPLIGHT_WEIGHTS: "imagenet", "random" or a path."""

    @classmethod
    def from_text(cls, text: str) -> "Network":
        """The network of "efficientnet_lite2:imagenet". Weights alone, such as "random" or a path, are a ResNet50's."""
        backbone, colon, weights = text.partition(":")
        return cls(backbone, weights) if colon and backbone in BACKBONES else cls("resnet50", text)

    @property
    def name(self) -> str:
        """Its space's name, such as "resnet50-random"."""
        return self.recipe().name

    @property
    def is_trained(self) -> bool:
        return self.weights != RANDOM

    @property
    def flags(self) -> tuple[str, ...]:
        """The arguments of create_space that choose it."""
        return "--backbone", self.backbone, "--weights", self.weights

    def recipe(self, **fields: Any) -> Recipe:
        return make_recipe(self.weights, self.backbone, **fields)


RANDOM_RESNET50 = Network("resnet50", RANDOM)


def add_network(parser: argparse.ArgumentParser) -> None:
    """Let a benchmark take one network as `--weights`, by default a ResNet50 of random weights."""
    parser.add_argument(
        "--weights",
        type=Network.from_text,
        metavar="NETWORK",
        default=RANDOM_RESNET50,
        help="BACKBONE:WEIGHTS, such as efficientnet_lite2:imagenet, or only a resnet50's weights (resnet50:random)",
    )


def add_networks(parser: argparse.ArgumentParser, *default: str) -> None:
    """Let a benchmark take several networks as `--weights`."""
    parser.add_argument(
        "--weights",
        nargs="+",
        type=Network.from_text,
        metavar="NETWORK",
        default=[Network.from_text(text) for text in default],
        help=f"{NETWORKS} ({' '.join(default)})",
    )


@contextmanager
def data_folder(network: Network = RANDOM_RESNET50) -> Iterator[Path]:
    """A temporary data folder, and Django set up on it; once a process, since settings are read once."""
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LAMPLIGHT_VAR": folder,
            "LAMPLIGHT_WEIGHTS": network.weights,
            "LAMPLIGHT_BACKBONE": network.backbone,
            "SEARCH_THROTTLE": "off",
            "PAGE_THROTTLE": "off",
            "PHOTO_THROTTLE": "off",
            "PORT": str(probe.getsockname()[1]),
        }
        probe.close()
        try:
            yield Path(folder)
        finally:
            from config.embedded import servers

            servers.leave()  # The servers must not outlive their folder.


def wait_until_idle() -> None:
    """Wait until the machine rests: the workers index texts, tag products and train what is due, beside the queries."""
    for _ in tqdm(range(IDLE_PATIENCE // IDLE_SECONDS), "Workers settle", disable=None):
        if psutil.cpu_percent(IDLE_SECONDS) < IDLE_PERCENT:
            return
    sys.exit("The machine has not rested: what is measured now would be of other work as well.")


def arguments(prog: str, description: str | None, examples: str) -> argparse.ArgumentParser:
    """What a benchmark that compares networks on one catalogue takes."""
    parser = argparse.ArgumentParser(
        prog=prog, description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    add_networks(parser, "efficientnet_lite2:imagenet", "resnet50:random")
    return parser


def index_catalog(catalog: Path) -> None:
    """Set Django up, and import and index a catalogue in its first space."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("prepare")
    call_command("import_catalog", catalog, quiet=True)
    call_command("index")


def stock(options: argparse.Namespace) -> None:
    """Import the catalogue of `arguments`, and create a space for each network; the first is the live one."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("prepare")
    call_command("import_catalog", options.catalog, quiet=True)
    for network in options.weights[1:]:
        call_command("create_space", network.name, *network.flags)
