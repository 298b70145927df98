"""The data folder of the test run, set before Django reads its settings (see addopts in pyproject.toml)."""

import os
from pathlib import Path

os.environ["LAMPLIGHT_VAR"] = os.environ.get(
    "LAMPLIGHT_TEST_VAR", str(Path(__file__).resolve().parent.parent / "var" / "test")
)
os.environ["LAMPLIGHT_WEIGHTS"] = "random"
os.environ["SEARCH_THROTTLE"] = "off"
os.environ.setdefault("SECRET_KEY", "only-for-tests")
# Threads of torch that wait by spinning would starve the other processes of a test on a small machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
