"""The gate: which categories a query is searched in.

It is soft. A hard gate, the top category alone, can never return the look-alike on the other side of a border: a
loveseat never finds the sofa. When the head is sure the top category is searched alone; when it is not, the few that
it hesitates between; without a head, all of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

# The searched categories together hold at least this much probability ...
SURE = 0.9
# ... but are at most this many.
MOST = 3

Mode = Literal["classifier", "override", "open"]


@dataclass(frozen=True)
class Choice:
    """What the gate decided: the category ids to search, and every known category's probability."""

    mode: Mode
    searched: frozenset[int]
    probabilities: Mapping[int, float]

    @property
    def confidence(self) -> float | None:
        """The likeliest category's probability; None without a head."""
        return max(self.probabilities.values(), default=None)


def choose(
    probabilities: Mapping[int, float], categories: frozenset[int], override: frozenset[int] | None = None
) -> Choice:
    """The categories to search for a photo with these probabilities.

    A category that the head has not learned (too few photos yet) is searched as well: it is small, and the head
    could never name it.

    Args:
        probabilities: category id -> probability, of the categories that the head knows; empty without a head.
        categories: the ids of all the shop's categories.
        override: the caller's own choice, which always holds.
    """
    known = {category: p for category, p in probabilities.items() if category in categories}
    if override is not None:
        return Choice("override", override, known)
    if not known:
        return Choice("open", categories, known)
    return Choice("classifier", frozenset(_likeliest(known)) | (categories - known.keys()), known)


def _likeliest(probabilities: Mapping[int, float]) -> list[int]:
    ranked = sorted(probabilities, key=lambda category: (-probabilities[category], category))
    held = 0.0
    for count, category in enumerate(ranked, start=1):
        held += probabilities[category]
        if held >= SURE or count == MOST:
            return ranked[:count]
    return ranked
