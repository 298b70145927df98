"""Networks in OpenVINO, used by many threads at once."""

import subprocess
import sys

import pytest

from ml.openvino_networks import openvino
from tests.environment import ROOT

# Each thread is awake when all bring their first array.
AT_ONCE = """
import faulthandler, sys, threading
import numpy as np
from ml.openvino_networks import openvino

faulthandler.dump_traceback_later(20, exit=True)
core = openvino.Core()
network = core.compile_model(core.read_model(sys.argv[1]), "CPU")
requests, awake = [network.create_infer_request() for _ in range(8)], []

def ask(request):
    awake.append(request)
    while len(awake) < len(requests):
        pass
    request.start_async({0: np.zeros((1, 4), np.float32)})
    request.wait()
    request.get_output_tensor().data

sys.setswitchinterval(1e-6)
for thread in [threading.Thread(target=ask, args=(request,)) for request in requests]:
    thread.start()
"""


@pytest.mark.slow
def test_threads_that_ask_for_the_first_time_at_once_all_get_an_answer(tmp_path):
    """Where they may wait for each other for ever, two processes in three do: so four are asked."""
    pixels = openvino.opset13.parameter([1, 4], float)
    openvino.save_model(openvino.Model([openvino.opset13.relu(pixels)], [pixels]), tmp_path / "network.xml")
    command = [sys.executable, "-c", AT_ONCE, str(tmp_path / "network.xml")]
    asked = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in asked] == [""] * 4
