"""Search by photo, from the fields sent to the matches. The API answers with them, the admin shows how they arose."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Q
from PIL import Image
from rest_framework.serializers import ValidationError

from catalog.models import Category, Photo
from catalog.storage import StoredPhotoError
from ml.encoder import Encoder
from ml.explanation import Seen
from ml.images import WHOLE
from ml.recipes import WeightsError
from search import category_gate, encoders, explanations, lookup, near_misses, objects, word_ranking
from search.api.errors import ServiceUnavailable
from search.api.refinement import Refinement, refinement
from search.api.serializers import ExplainSerializer, SearchSerializer
from search.explanations import Explanation
from search.meaning import Meaning
from search.models import Space
from search.objects import FoundObject, SeenObject
from search.stopwatch import Stopwatch
from search.store import live_shop
from search.store.live_shop import LiveShop
from search.store.scans import NO_FILTERS
from search.word_conditions import Understood

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
    words: Understood | None = None
    """What the words beside the photo were taken for; None when there were none."""
    measured: near_misses.Measured | None = None
    """What is told of numbers; None where the request bounds none."""

    @property
    def taught(self) -> np.ndarray | None:
        """The vector that the customer's choice says something of; None where words asked for another thing."""
        return self.vector if self.words is None else None


def find(data: Any, watch: Stopwatch) -> Found:
    """The matches for the fields of a SearchSerializer. Raises rest_framework's APIException and WeightsError."""
    with watch.stage("decode"):
        query = SearchSerializer(data=data)
        query.is_valid(raise_exception=True)
        space, categories = require_live_shop()
        explains = query.validated_data["explain"]
        if explains:
            explanations.require_explainable(space)
        encoder = encoders.encoder_for(space)
        photo = query.opened(encoder)
        has_region = "region" in query.validated_data
        scene = query.scene(encoder) if query.wants_objects and not has_region else None
    override = query.validated_data.get("category")
    refined = _refined(query, categories, watch)
    if override is None and refined:
        override = refined.categories
    with watch.stage("encode"):
        seen = _look(encoder, photo) if explains else None
        # Its map gives the same vector, and need not be made once more.
        vector = seen.vector if seen else encoder.encode([photo])[0]
    with watch.stage("gate"):
        judgement = encoders.judgement(space, vector)
        choice = category_gate.choose(judgement, frozenset(categories), override)
    things: Sequence[SeenObject] = ()
    if scene:
        with watch.stage("objects"):
            things = _meant(objects.see(space, encoder, scene, frozenset(categories), override), refined)
    look_up, understood = _LookUp(space, query.wanted()), None
    if refined:
        with watch.stage("words"):
            searched = choice.searched.union(*(thing.choice.searched for thing in objects.likely(things)))
            understood = refined.among(categories, searched, query.wanted()["filters"])
            look_up = look_up.refined(understood.settled.filters, refined.meaning)
    with watch.stage("search"):
        matches = look_up.nearest(vector, choice)
        found = [look_up.object(thing) for thing in things]
        all_matches = [matches, *(one.matches for one in found)]
        measured = look_up.measured(query, vector, choice, all_matches) if query.bounds else None
    explanation = _why_first(space, seen, matches.hits[0].photo, choice, watch) if seen and matches.hits else None
    whole = FoundObject(query.validated_data.get("region", WHOLE), choice, matches, choice.confidence)
    found_objects = (found or [whole]) if query.wants_objects else None
    return Found(space, categories, vector, choice, matches, explains, explanation, found_objects, understood, measured)


@dataclass(frozen=True)
class _LookUp:
    """How matches are looked up for a photo, and for each thing in it."""

    space: Space
    wanted: Mapping[str, Any]
    """The arguments of lookup.nearest."""
    meaning: Meaning | None = None
    """What ranks beside the photo."""
    further: Q = NO_FILTERS
    """What words demand of a product."""

    def refined(self, filters: Q, meaning: Meaning | None) -> "_LookUp":
        """The same among products that meet further filters, ranked by what words mean as well."""
        wanted = {**self.wanted, "filters": self.wanted["filters"] & filters}
        return replace(self, wanted=wanted, meaning=meaning, further=filters)

    def object(self, thing: SeenObject) -> FoundObject:
        return FoundObject(thing.box, thing.choice, self.nearest(thing.vector, thing.choice), thing.confidence)

    def measured(
        self, query: SearchSerializer, vector: np.ndarray, choice: category_gate.Choice, found: Sequence[lookup.Matches]
    ) -> near_misses.Measured:
        """What is told of numbers; near misses where the answer has places left."""
        near = near_misses.beside(
            self.space,
            vector,
            choice.searched,
            query.bounds,
            query.others() & self.further,
            self.wanted,
            found[0],
        )
        return near_misses.measured(query.bounds, found, near)

    def nearest(self, vector: np.ndarray, choice: category_gate.Choice) -> lookup.Matches:
        if self.meaning is None:
            return lookup.nearest(self.space, vector, choice.searched, **self.wanted)
        limit = self.wanted["limit"]
        some = {**self.wanted, "limit": max(limit, word_ranking.AMONG)}
        matches = lookup.nearest(self.space, vector, choice.searched, **some)
        return word_ranking.ranked(matches, self.meaning, limit)


def _refined(query: SearchSerializer, categories: Mapping[int, Category], watch: Stopwatch) -> Refinement | None:
    """What the words are taken for; None where there are none. Their meaning is made while the photo is encoded."""
    if not (words := query.validated_data.get("words")):
        return None
    with watch.stage("words"):
        return refinement(words, categories, is_placed="category" in query.validated_data)


def _meant(things: Sequence[SeenObject], refined: Refinement | None) -> Sequence[SeenObject]:
    """Where the words name a category, the things that are of it: "the chair, but in oak"."""
    if refined is None or refined.categories is None:
        return things
    return [thing for thing in things if thing.choice.likeliest in refined.categories]


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
            raise ServiceUnavailable("The photo cannot be read at the moment. Try again soon.") from error
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
