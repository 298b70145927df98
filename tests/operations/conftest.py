"""A data folder of a test's own, and a place for a backup of it."""

from pathlib import Path

import pytest


@pytest.fixture
def data_folder(settings, tmp_path) -> Path:
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    return settings.VAR


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "backup"
