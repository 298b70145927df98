"""What words beside a photo change in its search: where it looks, what results meet, how they are ranked."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from catalog.models import Category
from ml.recipes import WeightsError
from search import photo_words, text_encoders, word_conditions
from search.attribute_readings import shop_values
from search.meaning import Meaning
from search.photo_words import Wanted
from search.word_conditions import Understood

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refinement:
    """Words that come with a photo, understood."""

    wanted: Sequence[Wanted] = ()
    categories: frozenset[int] | None = None
    """Where the words say to look; None if they do not."""
    meaning: Meaning | None = None
    """What ranks; None if nothing does."""
    not_understood: Sequence[str] = ()

    def among(self, categories: Mapping[int, Category], searched: Collection[int], given: Q) -> Understood:
        """What the words come to among the products in the categories searched that meet the given filters."""
        settled = word_conditions.settle(self.wanted, categories, searched, given)
        return Understood(settled, self.meaning.words if self.meaning else None, self.not_understood)


def refinement(words: str, categories: Mapping[int, Category], is_placed: bool) -> Refinement:
    """Understand the words; a category that they name counts for nothing where the request says where to look."""
    said = photo_words.read(words, shop_values(), categories)
    if is_placed:
        said = said.without_categories()
    meaning = _meaning(said.rest)
    if meaning is None:
        said = said.without_rest()
    return Refinement(said.wanted, said.categories, meaning, said.not_understood)


def _meaning(words: str) -> Meaning | None:
    """What the words mean; None where there are none, or no encoder can be had."""
    try:
        encoder = text_encoders.text_encoder() if words else None
        return Meaning(encoder, words) if encoder else None
    except WeightsError as error:
        logger.warning("A photo is searched for without what its words mean: %s", error)
        return None
