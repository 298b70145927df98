"""Networks run while others are built."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ml.encoder import Encoder
from ml.network import build
from tests.ml.photos import SMALL, gradient


def test_a_network_runs_in_torch_while_others_are_built():
    """torch traces by replacing what calls every module of the process, and all draws come from one generator."""
    recipes = [replace(SMALL, input_size=size) for size in (32, 64, 96)]
    runner = Encoder(recipes[0], "cpu", runtime="torch")
    expected = runner.encode([gradient(64, 64)])
    states: list[Any] = []
    threads = [threading.Thread(target=lambda r=recipe: states.append(build(r).state_dict())) for recipe in recipes[1:]]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert np.array_equal(runner.encode([gradient(64, 64)]), expected)
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
