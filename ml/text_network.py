"""A sentence encoder as one torch module: BERT (Devlin et al. 2018), and its tokens pooled into one vector."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention

# How parameters are named in a checkpoint of Hugging Face's BertModel, and here.
RENAMED = {
    "embeddings.word_embeddings": "embeddings.words",
    "embeddings.position_embeddings": "embeddings.positions",
    "embeddings.token_type_embeddings": "embeddings.types",
    "attention.self": "attention",
    "attention.output": "attended",
    "encoder.layer": "layers",
    "intermediate.dense": "inner",
    "LayerNorm": "norm",
}


class SentenceNetwork(nn.Module):
    """Maps tokens (n, length) int64, and the mask of those that are text, to vectors (n, dimensions) of length 1."""

    def __init__(self, config: dict[str, Any], pools_first: bool) -> None:
        """`config` is the checkpoint's config.json. The vector is the first token's, or the mean of all."""
        super().__init__()
        self.embeddings = _Embeddings(config)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config["num_hidden_layers"]))
        self.pools_first = pools_first

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        states, seen = self.embeddings(tokens), mask.bool()[:, None, None, :]
        for layer in self.layers:
            states = layer(states, seen)
        if self.pools_first:
            return normalize(states[:, 0])
        weights = mask[:, :, None].to(states.dtype)
        return normalize((states * weights).sum(1) / weights.sum(1))


class _Embeddings(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width = config["hidden_size"]
        self.words = nn.Embedding(config["vocab_size"], width)
        self.positions = nn.Embedding(config["max_position_embeddings"], width)
        self.types = nn.Embedding(config["type_vocab_size"], width)
        self.norm = nn.LayerNorm(width, config["layer_norm_eps"])

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        states: Tensor = self.norm(self.words(tokens) + self.positions(places) + self.types.weight[0])
        return states


class _Layer(nn.Module):
    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_attention_heads"]
        self.attention = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.attended = _Residual(width, width, config)
        self.inner = nn.Linear(width, inner)
        self.output = _Residual(inner, width, config)

    def forward(self, states: Tensor, seen: Tensor) -> Tensor:
        # (n, length, width) -> (n, heads, length, width / heads)
        query, key, value = (
            project(states).unflatten(2, (self.heads, -1)).transpose(1, 2) for project in self.attention.values()
        )
        attended = scaled_dot_product_attention(query, key, value, attn_mask=seen)
        states = self.attended(attended.transpose(1, 2).flatten(2), states)
        made: Tensor = self.output(gelu(self.inner(states)), states)
        return made


class _Residual(nn.Module):
    def __init__(self, given: int, width: int, config: dict[str, Any]) -> None:
        super().__init__()
        self.dense = nn.Linear(given, width)
        self.norm = nn.LayerNorm(width, config["layer_norm_eps"])

    def forward(self, made: Tensor, states: Tensor) -> Tensor:
        normalised: Tensor = self.norm(self.dense(made) + states)
        return normalised
