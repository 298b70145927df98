"""`python -m config.embedded`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.embedded.processes import POSTMASTER, ROOT, SECONDS, environment, servers

pytestmark = pytest.mark.slow


def test_servers_left_behind_are_shown_and_stopped_by_command(start, var):
    client = start()
    client.ask(POSTMASTER)
    refused = command(var, "stop")
    assert (refused.returncode, refused.stderr[:12]) == (1, "Not stopped:")
    client.kill()
    assert re.match(r"postgresql runs as process \d+, ", command(var, "status").stdout)
    assert re.match(r"postgresql is stopped, ", command(var, "stop").stdout)
    assert servers(var) == []


def command(var: Path, word: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.embedded", word],
        env=environment(var),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
