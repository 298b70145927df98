"""Indexed, pending, rejected: one definition, whoever asks."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.models import Product
from search import photo_states, spaces
from search.models import Embedding, Rejection, Space
from search.photo_states import Counts, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def moved(space, indexed_shop, category):
    """One of six lamps became a sofa: its vector still lies under its former category."""
    product = category("lamp").products.earliest("pk")
    product.category = category("sofa")
    product.save()
    spaces.ensure_partitions()
    return product.photos.get()


def test_a_moved_product_is_pending_at_every_door(space, moved, category, client, admin_client):
    assert Embedding.objects.filter(space_id=space.pk, photo=moved).exists()
    assert list(photo_states.pending(space)) == [moved]
    assert photo_states.of(photo_states.annotated(moved.product.photos.all(), space).get()) == State.PENDING
    assert photo_states.per_product(space, [moved.product_id])[moved.product_id] == {State.PENDING: 1}
    assert photo_states.counts(space) == Counts(total=12, pending=1)
    assert photo_states.per_category(space) == {
        category("lamp").pk: Counts(5),
        category("bed").pk: Counts(6),
        category("sofa").pk: Counts(1, pending=1),
    }
    told = client.get(reverse("index")).json()["categories"]
    assert {row["slug"]: row["pending"] for row in told} == {"bed": 0, "lamp": 0, "sofa": 1}
    assert admin_client.get(reverse("admin:index")).context["index"].seen.counts.pending == 1


def test_a_space_with_a_moved_product_is_not_ready(space, moved):
    Space.objects.filter(pk=space.pk).update(state=Space.State.BUILDING)
    space.refresh_from_db()
    seen = spaces.overview(space)
    assert (seen.stage, seen.progress) == ("building", 11 / 12)


def test_a_photo_counts_once_as_rejected_or_as_indexed(space, indexed_shop, photo):
    damaged, resting = photo("red", "lamp"), photo("lime", "lamp")
    indexed = Embedding.objects.filter(space_id=space.pk).earliest("photo_id").photo
    for one in (damaged, indexed):
        Rejection.objects.create(space=space, photo=one, reason="damaged")
    Rejection.objects.create(space=space, photo=resting, reason="asleep", retry_at=timezone.now())
    assert photo_states.counts(space) == Counts(total=14, pending=1, rejected=1)
    assert photo_states.counts(space).indexed == 12
    rejected, whole = (
        Product.objects.filter(photo_states.products_with(space, State(name))) for name in ("rejected", "indexed")
    )
    assert list(rejected) == [damaged.product]
    assert indexed.product in whole
    assert list(photo_states.pending(space)) == [resting]


def test_a_rejection_of_a_time_before_the_clock_was_set_back_keeps_no_photo_waiting(space, photo):
    resting, later = photo("red"), photo("blue")
    for one, minutes in ((resting, 9), (later, 60)):
        retry_at = timezone.now() + timedelta(minutes=minutes)
        Rejection.objects.create(space=space, photo=one, reason="asleep", retry_at=retry_at)
    assert list(photo_states.pending(space)) == [later]


def test_an_empty_shop_has_nothing_pending(space):
    assert (photo_states.counts(space), spaces.overview(space).progress) == (Counts(), 1.0)
