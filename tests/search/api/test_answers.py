"""Answers are put together by hand; the serializers, which the schema is made of, must say the same."""

import uuid

import numpy as np
import pytest
from django.test import RequestFactory
from django.urls import reverse
from PIL import Image

from catalog.photos import add_photo
from search import category_gate, lookup
from search.api import answers
from search.api.serializers import SearchAnswerSerializer, SimilarAnswerSerializer
from search.models import Threshold
from search.stopwatch import Stopwatch
from tests.conftest import picture
from tests.grid_space import GridEncoder

ORIGIN = "http://testserver/"


def red() -> np.ndarray:
    return GridEncoder().encode([Image.new("RGB", (8, 8), "red")])[0]


@pytest.fixture
def matches(space, product, photo, index, category):
    """A hit with a duplicate, one without a price, and one left out."""
    photo(
        "red", of=product("lamp", price="19.90", attributes={"colour": "Red", "width": 80}, url="https://x.example/1")
    )
    add_photo(product("lamp"), picture("red", (90, 90), "JPEG"))
    photo("orange", of=product("lamp", price=None, in_stock=False))
    photo("blue", "bed")
    index()
    Threshold.objects.create(space=space, category=category("bed"), min_similarity=0.9)
    return lookup.nearest(space, red(), [category("lamp").pk, category("bed").pk], 10)


def test_an_answer_is_what_the_serializer_makes_of_it(space, matches):
    assert [len(hit.duplicates) for hit in matches.hits] == [1, 0]
    assert matches.left_out is not None
    watch = Stopwatch()
    made = answers.answer(space, matches, watch, ORIGIN)
    described = {
        "query_id": uuid.UUID(made["query_id"]),
        "space": space.name,
        "weights": space.weights,
        "metric": space.metric,
        "results": matches.hits,
        "left_out": matches.left_out,
        "timings_ms": made["timings_ms"],
    }
    request = RequestFactory().get(reverse("index"))
    assert made == SimilarAnswerSerializer(described, context={"request": request}).data
    nothing = lookup.Matches()
    empty = {**described, "results": [], "left_out": None}
    made = {**answers.answer(space, nothing, watch, ORIGIN), "query_id": made["query_id"]}
    assert made | {"timings_ms": described["timings_ms"]} == SimilarAnswerSerializer(empty).data


def test_a_gate_is_what_the_serializer_makes_of_it(space, matches, category):
    categories = {one.pk: one for one in (category("lamp"), category("bed"), category("chair"))}
    lamp, bed, _ = categories
    choice = category_gate.Choice("classifier", frozenset({lamp}), {bed: 0.25, lamp: 0.75}, low_confidence=True)
    made = {**answers.answer(space, matches, Stopwatch(), ORIGIN), "gate": answers.gate(choice, categories)}
    assert [one["slug"] for one in made["gate"]["categories"]] == ["lamp", "bed", "chair"]
    described = {**made, "results": [], "left_out": None}
    assert SearchAnswerSerializer(described).data["gate"] == made["gate"]


def test_photos_of_a_storage_with_its_own_urls_keep_them(space, matches, settings, monkeypatch):
    storage = matches.hits[0].photo.file.storage
    monkeypatch.setattr(storage, "url", lambda name: f"https://cdn.example/{name}")
    [first, _] = answers.answer(space, matches, Stopwatch(), ORIGIN)["results"]
    assert first["photo"] == f"https://cdn.example/{matches.hits[0].photo.file.name}"
