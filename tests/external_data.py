"""What some tests read from outside the repository: photos of real furniture, and a ResNet50 trained on Caltech-101.

Neither is the project's to publish, so two environment variables say where they lie (CONTRIBUTING.md). Without them
these tests are skipped, and the reason names the variable.
"""

import os

import pytest

from tests.environment import ROOT

IKEA = ROOT / os.environ.get("LAMPLIGHT_TEST_DATA", "") / "ikea"
CALTECH = ROOT / os.environ.get("LAMPLIGHT_TEST_WEIGHTS", "")
HAS_IKEA = (IKEA / "catalog.csv").is_file()
NO_IKEA = "LAMPLIGHT_TEST_DATA names no folder with ikea/catalog.csv"
NO_CALTECH = "LAMPLIGHT_TEST_WEIGHTS names no state dict of a trained ResNet50"

needs_ikea = pytest.mark.skipif(not HAS_IKEA, reason=NO_IKEA)
trained = pytest.mark.skipif(not (HAS_IKEA and CALTECH.is_file()), reason=NO_CALTECH if HAS_IKEA else NO_IKEA)
