import threading
import time
from collections.abc import Sequence

import numpy as np
import pytest

from ml import text_encoder
from ml.loaded_networks import LoadedNetworks
from ml.openvino_runtime import OpenvinoNetwork
from ml.recipes import Recipe
from ml.text_encoder import TextEncoder, TextModel


def test_networks_of_two_kinds_are_loaded_one_after_the_other():
    """OpenVINO's first calls must not meet: see the module."""
    photos: LoadedNetworks[str] = LoadedNetworks(2)
    texts: LoadedNetworks[str] = LoadedNetworks(2)
    begun = threading.Barrier(3)
    at_once: list[int] = []
    loading: set[str] = set()

    def load(name: str) -> str:
        loading.add(name)
        time.sleep(0.05)
        at_once.append(len(loading))
        loading.remove(name)
        return name

    def get(kind: LoadedNetworks[str], name: str) -> None:
        begun.wait()
        kind.get(name, lambda: load(name))

    threads = [threading.Thread(target=get, args=ask) for ask in [(photos, "a"), (photos, "b"), (texts, "c")]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_once == [1, 1, 1]


def test_who_has_a_network_waits_for_no_others_load():
    networks: LoadedNetworks[str] = LoadedNetworks(2)
    networks.get("loaded", lambda: "loaded")
    loading, go_on = threading.Event(), threading.Event()

    def load() -> str:
        loading.set()
        go_on.wait(10)
        return "slow"

    thread = threading.Thread(target=networks.get, args=("slow", load))
    thread.start()
    assert loading.wait(10)
    assert networks.get("loaded", lambda: "again") == "loaded"
    go_on.set()
    thread.join()


@pytest.mark.parametrize("dense", [False, True])
def test_a_photos_network_has_run_when_it_is_loaded(tmp_path, monkeypatch, dense):
    ran: list[tuple[int, ...]] = []
    start = OpenvinoNetwork.start

    def noted(network: OpenvinoNetwork, pixels: np.ndarray):
        ran.append(pixels.shape)
        return start(network, pixels)

    monkeypatch.setattr(OpenvinoNetwork, "start", noted)
    OpenvinoNetwork(Recipe("resnet18", "random", input_size=32), tmp_path, dense=dense)
    assert ran == [(1, 32, 32, 3)]


def test_a_texts_network_has_run_when_it_is_loaded(tmp_path, monkeypatch):
    padded: list[object] = []
    pad = text_encoder._padded

    def noted(tokens: Sequence[Sequence[int]]):
        padded.append(tokens)
        return pad(tokens)

    monkeypatch.setattr(text_encoder, "_padded", noted)
    text_encoder._networks.clear()
    TextEncoder(TextModel.installed(), "openvino", tmp_path).load()
    assert padded == [[[0]]]
