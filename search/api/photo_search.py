"""Search by photo, from the fields sent to the matches. The API answers with them, the admin shows how they arose."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from catalog.models import Category
from ml.images import WHOLE
from search import category_gate, encoders, lookup, objects
from search.api.errors import ServiceUnavailable
from search.api.serializers import SearchSerializer
from search.models import Space
from search.objects import FoundObject
from search.stopwatch import Stopwatch
from search.store import live_shop
from search.store.live_shop import LiveShop


class Found(NamedTuple):
    space: Space
    categories: Mapping[int, Category]
    """All categories of the shop, by id."""
    vector: np.ndarray
    """The photo's vector, (space.dimensions,)."""
    choice: category_gate.Choice
    matches: lookup.Matches
    objects: Sequence[FoundObject] | None = None
    """The things in the photo, best first; None when they were not asked for."""


def find(data: Any, watch: Stopwatch) -> Found:
    """The matches for the fields of a SearchSerializer. Raises rest_framework's APIException and WeightsError."""
    with watch.stage("decode"):
        query = SearchSerializer(data=data)
        query.is_valid(raise_exception=True)
        space, categories = require_live_shop()
        encoder = encoders.encoder_for(space)
        photo = query.photo(encoder)
        has_region = "region" in query.validated_data
        scene = query.scene(encoder) if query.wants_objects and not has_region else None
    with watch.stage("encode"):
        (vector,) = encoder.encode([photo])
    with watch.stage("gate"):
        override = query.validated_data.get("category")
        judgement = encoders.judgement(space, vector)
        choice = category_gate.choose(judgement, frozenset(categories), override)
    with watch.stage("search"):
        matches = lookup.nearest(space, vector, choice.searched, **query.wanted())
    found = Found(space, categories, vector, choice, matches)
    if not query.wants_objects:
        return found
    with watch.stage("objects"):
        seen = objects.find(space, encoder, scene, frozenset(categories), override, **query.wanted()) if scene else []
    whole = FoundObject(query.validated_data.get("region", WHOLE), choice, matches)
    return found._replace(objects=seen or [whole])


def require_live_shop() -> LiveShop:
    """The live space and the categories. Raises ServiceUnavailable before the first space was made."""
    if shop := live_shop.read():
        return shop
    raise ServiceUnavailable("There is no index yet: run manage.py prepare.", "no_live_space")
