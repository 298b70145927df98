"""The gate: which categories a query is searched in.

It is soft. A hard gate searches the top category alone and can never return the look-alike on the other side of a
border: a loveseat never finds the sofa. Training measures how wide the gate opens and stores this policy with the head
(ml.gate_policy). All categories are searched without a head, and for a photo that is like nothing the shop sells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ml.classifier import Judgement

Mode = Literal["classifier", "override", "open", "unknown"]


@dataclass(frozen=True)
class Choice:
    """What the gate decided: the category ids to search, and every known category's probability."""

    mode: Mode
    searched: frozenset[int]
    probabilities: Mapping[int, float]
    low_confidence: bool = False
    """The head is less sure than of nearly all the shop's own photos, or the photo is like nothing the shop sells."""

    @property
    def likeliest(self) -> int | None:
        """The likeliest category; None without a head."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)

    @property
    def confidence(self) -> float | None:
        """The likeliest category's probability; None without a head."""
        return max(self.probabilities.values(), default=None)


def choose(judgement: Judgement | None, categories: frozenset[int], override: frozenset[int] | None = None) -> Choice:
    """Choose the categories to search for a photo, by the head's judgement.

    A category that the head has not learned (too few photos yet) is searched as well: it is small, and the head
    could never name it. If all that the head would search was deleted since its training, everything is searched.

    Args:
        judgement: the head's; None without a head.
        categories: the ids of all the shop's categories.
        override: the caller's own choice, which always holds.
    """
    if judgement is None:
        return Choice("open", categories, {}) if override is None else Choice("override", override, {})
    known = {category: p for category, p in judgement.probabilities.items() if category in categories}
    if override is not None:
        return Choice("override", override, known, judgement.low_confidence)
    if judgement.unknown:
        return Choice("unknown", categories, known, judgement.low_confidence)
    if judgement.searched.isdisjoint(categories):
        return Choice("open", categories, known, judgement.low_confidence)
    searched = (judgement.searched & categories) | (categories - known.keys())
    return Choice("classifier", searched, known, judgement.low_confidence)
