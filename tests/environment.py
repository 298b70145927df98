"""What a process of the test run must know before Django reads its settings (see addopts in pyproject.toml).

Each process of pytest-xdist has a data folder of its own, and with it a PostgreSQL and a Redis. What takes seconds to
make is shared: all runs share converted networks, and the processes of one run share what is put into RUN.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEST_VAR = ROOT / (os.environ.get("LAMPLIGHT_TEST_VAR") or "var/test")
MODELS = TEST_VAR / "models"
# "gw0", "gw1", ... in a process of pytest-xdist, which inherits all other variables from the one that started it.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
VAR = TEST_VAR / WORKER

os.environ["LAMPLIGHT_VAR"] = str(VAR)
os.environ["LAMPLIGHT_WEIGHTS"] = "random"
os.environ |= dict.fromkeys(("SEARCH_THROTTLE", "PAGE_THROTTLE", "PHOTO_THROTTLE"), "off")
os.environ.setdefault("SECRET_KEY", "only-for-tests")
# Where it is set, each of hundreds of processes would compile all modules anew, and pytest all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Threads of torch that wait by spinning would starve the other processes of a test on a small machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "LAMPLIGHT_TEST_RUN" not in os.environ:
    os.environ["LAMPLIGHT_TEST_RUN"] = tempfile.mkdtemp(prefix="lamplight-test-")
RUN = Path(os.environ["LAMPLIGHT_TEST_RUN"])

MODELS.mkdir(parents=True, exist_ok=True)
if WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # The other cores have processes of their own.
    VAR.mkdir(exist_ok=True)
    if not (VAR / "models").is_symlink():
        (VAR / "models").symlink_to(MODELS)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not WORKER:
        shutil.rmtree(RUN, ignore_errors=True)
