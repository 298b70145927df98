"""Processes of the application, started for one test and never left behind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.config.embedded.processes import Client, kill_servers


@pytest.fixture(scope="package")
def var(tmp_path_factory) -> Path:
    """A data folder shared by tests that need no fresh one: making one takes seconds."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture
def start(var) -> Iterator[Callable[..., Any]]:
    """Starts processes of the application, in `var` unless told otherwise, and leaves none behind."""
    clients: list[Client] = []
    folders: set[Path] = {var}

    def start_many(count: int = 1, folder: Path = var, **options) -> Any:
        folders.add(folder)
        made = [Client(folder, **options) for _ in range(count)]
        clients.extend(made)
        for client in made:
            assert client.receive() == "ready"
        return made if count > 1 else made[0]

    yield start_many
    for client in clients:
        client.kill()
    for folder in folders:
        kill_servers(folder)
