"""A shop to measure: the real stack on a catalogue of its own, in a temporary data folder."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def data_folder(weights: str) -> Iterator[Path]:
    """A temporary data folder, and Django set up on it; once a process, since settings are read once."""
    with tempfile.TemporaryDirectory(prefix="lamplight-") as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LAMPLIGHT_VAR": folder,
            "LAMPLIGHT_WEIGHTS": weights,
            "LAMPLIGHT_BACKBONE": "resnet50",
            "SEARCH_THROTTLE": "off",
            "PORT": str(probe.getsockname()[1]),
        }
        probe.close()
        try:
            yield Path(folder)
        finally:
            from config.embedded import servers

            servers.leave()  # The servers must not outlive their folder.
