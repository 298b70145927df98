"""Web processes that cannot even start."""

import os
import subprocess
import sys

import pytest

from config.settings import BASE_DIR
from config.web.processes import GAVE_UP

# The processes are given a socket that is none, and end as soon as they have imported what they need.
HOPELESS = """
import os, socket
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from config.web import processes
processes.LOOK_SECONDS, processes.PAUSE = 0.05, 0.01
with open(os.devnull) as no_socket:
    processes.supervise(no_socket, 2)
"""


@pytest.mark.slow
def test_processes_that_end_at_once_five_times_in_a_row_end_the_server(tmp_path):
    environment = {**os.environ, "LAMPLIGHT_VAR": str(tmp_path), "LAMPLIGHT_WEIGHTS": "random"}
    command = [sys.executable, "-c", HOPELESS]
    done = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == GAVE_UP
    assert done.stderr.endswith("All web processes end at once, again and again: what they said stands above\n")
