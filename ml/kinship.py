"""What a match is to a photo: the same piece, the same style or the same kind of thing, with a probability each.

They are nested, as every piece is of its own style and every style of its own kind: a probability is that of the wider
word times that of the narrower one within it. Each of the three is a logistic regression of one or two numbers that may
only rise with them. They are fitted by ml.kinship_fitting when a head is trained, and stored with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ml.arrays import Floats

NEAREST = 5  # other products that a match is measured against, as ml.novelty does
LEAST = 1e-4  # a category's probability is held this far from 0 and 1


@dataclass(frozen=True, eq=False)
class Standing:
    """n matches among the other products that their photo found."""

    ahead: Floats
    """(n,) by how much it is more similar than the best other product; below 0 if it is less"""
    above: Floats
    """(n,) by how much it is more similar than the mean of the NEAREST other products"""
    category: Floats
    """(n,) the log odds that the photo shows the match's category, as the head sees it"""


@dataclass(frozen=True)
class Likelihood:
    """How likely a match is each of the three, 0 to 1: piece <= style <= kind."""

    piece: float
    style: float
    kind: float

    @property
    def words(self) -> str:
        """The narrowest word that is as likely as not."""
        if self.piece >= 0.5:
            return "the same piece"
        if self.style >= 0.5:
            return "the same style"
        return "the same kind of thing" if self.kind >= 0.5 else "something similar"


@dataclass(frozen=True)
class Kinship:
    """The three regressions. Each has an intercept, then a slope for each number that it reads, none below 0."""

    piece: tuple[float, float]
    """Within a style, of `ahead`."""
    style: tuple[float, float]
    """Within a kind, of `above`."""
    kind: tuple[float, float, float]
    """Of `category` and `above`."""
    pairs: int
    """How many matches of views they were fitted on."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""
        return cls(tuple(data["piece"]), tuple(data["style"]), tuple(data["kind"]), data["pairs"])

    def likelihood(self, similarity: float, others: Floats, probability: float) -> Likelihood:
        """Of one match.

        Args:
            others: (n,) similarities of the other products that the photo found, the best first; n at least 1.
            probability: the head's, that the photo shows the match's category.
        """
        similarities = np.array([similarity])
        piece, style, kind = self.likelihoods(standing(similarities, others[np.newaxis], np.array([probability])))
        return Likelihood(float(piece[0]), float(style[0]), float(kind[0]))

    def likelihoods(self, standing: Standing) -> tuple[Floats, Floats, Floats]:
        """Of piece, style and kind, (n,) each."""
        kind = _logistic(self.kind, standing.category, standing.above)
        style = kind * _logistic(self.style, standing.above)
        return style * _logistic(self.piece, standing.ahead), style, kind


def standing(similarities: Floats, others: Floats, probabilities: Floats) -> Standing:
    """The standing of n matches.

    Args:
        similarities: (n,)
        others: (n, m) those of the other products that the same photo found, the best first.
        probabilities: (n,) the head's, that the photo shows the match's category.
    """
    likely = np.clip(probabilities, LEAST, 1 - LEAST)
    return Standing(
        ahead=similarities - others[:, 0],
        above=similarities - others[:, :NEAREST].mean(axis=1),
        category=np.log(likely / (1 - likely)),
    )


def _logistic(weights: tuple[float, ...], *numbers: Floats) -> Floats:
    logits = weights[0] + sum(slope * number for slope, number in zip(weights[1:], numbers, strict=True))
    odds: Floats = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return odds
