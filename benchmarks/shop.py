"""A shop to measure: the real stack on a catalogue of its own, in a temporary data folder."""

import argparse
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def data_folder(weights: str, backbone: str = "resnet50") -> Iterator[Path]:
    """A temporary data folder, and Django set up on it; once a process, since settings are read once."""
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LAMPLIGHT_VAR": folder,
            "LAMPLIGHT_WEIGHTS": weights,
            "LAMPLIGHT_BACKBONE": backbone,
            "SEARCH_THROTTLE": "off",
            "PORT": str(probe.getsockname()[1]),
        }
        probe.close()
        try:
            yield Path(folder)
        finally:
            from config.embedded import servers

            servers.leave()  # The servers must not outlive their folder.


def arguments(prog: str, description: str | None, examples: str) -> argparse.ArgumentParser:
    """What a benchmark that compares kinds of weights on one catalogue takes."""
    parser = argparse.ArgumentParser(
        prog=prog, description=description, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("catalog", type=Path, help="a CSV file that import_catalog takes")
    parser.add_argument("--weights", nargs="+", default=["random"], help="weights of ResNet50, as LAMPLIGHT_WEIGHTS")
    parser.add_argument("--autoencoder", type=Path, help="weights of an autoencoder, to be compared as well")
    return parser


def stock(options: argparse.Namespace) -> None:
    """Import the catalogue of `arguments`, and create a space for each kind of weights; the first is the live one."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("prepare")
    call_command("import_catalog", options.catalog, quiet=True)
    for number, weights in enumerate(options.weights[1:]):
        call_command("create_space", f"resnet50-{number}", "--weights", weights)
    if options.autoencoder:
        call_command("create_space", "autoencoder", "--backbone", "autoencoder", "--weights", str(options.autoencoder))
