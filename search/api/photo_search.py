"""Search by photo, from the fields sent to the matches. The API answers with them, the admin shows how they arose."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rest_framework.serializers import ValidationError

from catalog.models import Category, Photo
from catalog.photos import StoredPhotoError
from ml.encoder import Encoder
from ml.explanation import Seen
from ml.images import WHOLE
from ml.recipes import WeightsError
from search import category_gate, encoders, explanations, lookup, objects
from search.api.errors import ServiceUnavailable
from search.api.serializers import ExplainSerializer, SearchSerializer
from search.explanations import Explanation
from search.models import Space
from search.objects import FoundObject
from search.stopwatch import Stopwatch
from search.store import live_shop
from search.store.live_shop import LiveShop

logger = logging.getLogger(__name__)


class Found(NamedTuple):
    space: Space
    categories: Mapping[int, Category]
    """All categories of the shop, by id."""
    vector: np.ndarray
    """The photo's vector, (space.dimensions,)."""
    choice: category_gate.Choice
    matches: lookup.Matches
    explains: bool = False
    """Whether the caller asked why the first hit matches."""
    explanation: Explanation | None = None
    """Why it does; None also where its photo cannot be read."""
    objects: Sequence[FoundObject] | None = None
    """The things in the photo, best first; None when they were not asked for."""


def find(data: Any, watch: Stopwatch) -> Found:
    """The matches for the fields of a SearchSerializer. Raises rest_framework's APIException and WeightsError."""
    seen, explanation = None, None
    with watch.stage("decode"):
        query = SearchSerializer(data=data)
        query.is_valid(raise_exception=True)
        space, categories = require_live_shop()
        if query.validated_data["explain"]:
            explanations.require_explainable(space)
        encoder = encoders.encoder_for(space)
        photo = query.opened(encoder)
        has_region = "region" in query.validated_data
        scene = query.scene(encoder) if query.wants_objects and not has_region else None
    with watch.stage("encode"):
        if query.validated_data["explain"]:  # Its map gives the same vector, and need not be made once more.
            seen = _look(encoder, photo)
        vector = seen.vector if seen else encoder.encode([photo])[0]
    with watch.stage("gate"):
        override = query.validated_data.get("category")
        judgement = encoders.judgement(space, vector)
        choice = category_gate.choose(judgement, frozenset(categories), override)
    with watch.stage("search"):
        matches = lookup.nearest(space, vector, choice.searched, **query.wanted())
    if seen and matches.hits:
        explanation = _why_first(space, seen, matches.hits[0].photo, choice, watch)
    found = Found(space, categories, vector, choice, matches, query.validated_data["explain"], explanation)
    if not query.wants_objects:
        return found
    with watch.stage("objects"):
        shown = objects.find(space, encoder, scene, frozenset(categories), override, **query.wanted()) if scene else []
    whole = FoundObject(query.validated_data.get("region", WHOLE), choice, matches, choice.confidence)
    return found._replace(objects=shown or [whole])


def explain(data: Any, watch: Stopwatch) -> Explanation:
    """Why a photo of the shop matches, for the fields of an ExplainSerializer. Raises as `find` does."""
    with watch.stage("decode"):
        query = ExplainSerializer(data=data)
        query.is_valid(raise_exception=True)
        space, categories = require_live_shop()
        explanations.require_explainable(space)
        encoder = encoders.encoder_for(space)
        image = query.opened(encoder)
    with watch.stage("encode"):
        seen = explanations.look(encoder, image)
    with watch.stage("gate"):
        choice = category_gate.choose(encoders.judgement(space, seen.vector), frozenset(categories))
    try:
        with watch.stage("explain"):
            photo = query.validated_data["photo"]
            return explanations.explain(space, encoder, seen, photo, choice.searched, choice.probabilities)
    except StoredPhotoError as error:
        if error.transient:
            raise ServiceUnavailable("The photo storage does not answer. Try again in a moment.") from error
        raise ValidationError({"photo": f"{error} Ask about another photo."}, "unreadable") from error


def _look(encoder: Encoder, photo: Image.Image) -> Seen | None:
    """The photo as an explanation needs it. A map that cannot be read costs the explanation, not the matches."""
    try:
        return explanations.look(encoder, photo)
    except WeightsError as error:
        logger.warning("A match is not explained: %s", error)
        return None


def _why_first(
    space: Space, seen: Seen, photo: Photo, choice: category_gate.Choice, watch: Stopwatch
) -> Explanation | None:
    """Why the photo matches. A file that cannot be read costs the explanation, not the matches."""
    encoder = encoders.encoder_for(space)
    try:
        with watch.stage("explain"):
            return explanations.explain(space, encoder, seen, photo, choice.searched, choice.probabilities)
    except StoredPhotoError as error:
        logger.warning("A match is not explained: photo %d: %s", photo.pk, error)
        return None


def require_live_shop() -> LiveShop:
    """The live space and the categories. Raises ServiceUnavailable before the first space was made."""
    if shop := live_shop.read():
        return shop
    raise ServiceUnavailable("There is no index yet: run manage.py prepare.", "no_live_space")
