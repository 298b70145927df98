"""What a network trained on ImageNet takes a photo for: the labels of its own head, which an embedding does without.

A stored vector has lost its length. The head is given a usual one instead: the likeliest label hardly depends on it.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ml.arrays import Floats
from ml.backbones import BACKBONES
from ml.recipes import IMAGENET, Recipe

# A usual length of pooled vectors of EfficientNet-Lite2.
LENGTH = 12.0
LEAST = 0.1  # a probability that says something among 1,000


@dataclass(frozen=True, eq=False)
class Labels:
    """The 1,000 labels, and the head that tells them."""

    names: list[str]
    weights: Floats
    """(1000, dimensions)"""
    biases: Floats
    """(1000,)"""

    def probabilities(self, vectors: Floats) -> Floats:
        """Of photos' vectors of length 1: (n, dimensions) -> (n, 1000)."""
        logits = LENGTH * vectors @ self.weights.T + self.biases
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: Floats = odds / odds.sum(axis=1, keepdims=True)
        return shares

    def likeliest(self, vectors: Floats) -> dict[str, float]:
        """Those of one thing's photos, (n, dimensions), with at least LEAST on average, the likeliest first."""
        mean = self.probabilities(vectors).mean(axis=0)
        return {self.names[label]: float(mean[label]) for label in np.argsort(-mean) if mean[label] >= LEAST}


@lru_cache(maxsize=2)
def labels_of(recipe: Recipe) -> Labels | None:
    """The labels that can be told from a recipe's vectors; None where its head would need others.

    Imports torch. Raises WeightsError.
    """
    backbone = BACKBONES[recipe.backbone]
    published = recipe.weights == IMAGENET and backbone.head == "fc"
    if not published or recipe.pca or recipe.pooling != "avg" or recipe.layer != backbone.layer:
        return None
    from torchvision.models import ResNet50_Weights

    from ml.weights import imagenet_head

    weights, biases = imagenet_head(recipe)
    return Labels(ResNet50_Weights.IMAGENET1K_V1.meta["categories"], weights, biases)
