"""A search tried in the admin."""

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from catalog.models import Photo
from search import head_training
from search.models import Embedding, Query, Space
from tests.conftest import picture
from tests.grid_space import DIMENSIONS, GridEncoder

pytestmark = pytest.mark.django_db
TRY = reverse("try-search")


def ask(client, data: bytes | None = None, **fields):
    files = {} if data is None else {"image": SimpleUploadedFile("mine.png", data)}
    return client.post(TRY, {"category": "", "min_similarity": "", **files, **fields})


def test_staff_see_gate_distances_and_times(admin_client, space, indexed_shop):
    head_training.train(space)
    answer = ask(admin_client, picture((250, 0, 0)))
    page = answer.content.decode()
    best = answer.context["hits"][0]
    assert best.product == Photo.objects.order_by("pk")[0].product
    assert list(answer.context["stages"]) == ["decode", "encode", "gate", "search"]
    assert answer.context["gate"]["mode"] in ("classifier", "unknown")
    assert f"similarity {best.similarity:.4f}, distance {best.distance:.4f}" in page
    assert 'src="data:image/jpeg;base64,' in page
    assert not Query.objects.exists()


def test_categories_are_chosen_as_in_the_api(admin_client, space, indexed_shop):
    answer = ask(admin_client, picture(), category="bed", min_similarity="0")
    assert {hit.product.category.slug for hit in answer.context["hits"]} == {"bed"}
    assert "You chose the categories." in answer.content.decode()


@pytest.mark.parametrize(
    ("data", "fields", "status", "error"),
    [
        (None, {}, 400, "image: No file was submitted."),
        (b"%PDF-1.7", {}, 400, "image: This is not a photo we can read"),
        (picture(), {"category": "spoon"}, 400, "category: No such category: spoon."),
        (picture(), {"min_similarity": "2"}, 400, "min_similarity: Ensure this value is less than or equal to 1."),
    ],
)
def test_what_cannot_be_searched_for_is_said(admin_client, space, data, fields, status, error):
    answer = ask(admin_client, data, **fields)
    assert (answer.status_code, answer.context["errors"][0][: len(error)]) == (status, error)
    assert "lamp-errors" in answer.content.decode()


def test_without_a_space_it_says_what_to_run(admin_client):
    answer = ask(admin_client, picture())
    assert (answer.status_code, answer.context["errors"]) == (503, ["There is no index yet: run manage.py prepare."])


def test_it_is_for_staff_who_may_see_the_spaces(client, django_user_model):
    assert client.get(TRY).status_code == 302
    client.force_login(django_user_model.objects.create_user("eva", is_staff=True))
    assert client.get(TRY).status_code == 403


def test_the_distance_shown_is_the_one_that_was_measured(admin_client, space, photo, index):
    """Computed from a similarity of 0.000002, six digits, it would be 499,999."""
    photo("red")
    index()
    Space.objects.update(metric=Space.Metric.L2)
    Embedding.objects.update(vector=[60_000.0] * DIMENSIONS)
    answer = ask(admin_client, picture(), category="lamp")
    [hit] = answer.context["hits"]
    [query] = GridEncoder().encode([Image.new("RGB", (64, 64), "red")])
    assert (hit.similarity, hit.distance) == (2e-6, pytest.approx(np.linalg.norm(60_000 - query)))
    assert f"distance {hit.distance:.4f}" in answer.content.decode()
