"""The script that makes .venv, before anything is installed."""

import sys

from config.settings import BASE_DIR


def test_nothing_beside_the_script_hides_a_module_of_the_standard_library():
    assert {path.stem for path in (BASE_DIR / "config").iterdir()} & sys.stdlib_module_names == set()
