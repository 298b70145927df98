"""Products in the admin, with what became of their photos."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Photo
from catalog.photos import add_photo
from descriptions.models import MOST_ATTEMPTS, Caption
from search import indexing, worker_bell
from search.models import Embedding, Rejection, Space
from tests.conftest import picture

pytestmark = pytest.mark.django_db
LIST = reverse("admin:catalog_product_changelist")


@pytest.fixture
def four(space, photo, product, index) -> None:
    """Products named after the state of their photos."""
    photo("red", "lamp", name="indexed")
    rejected = photo("green", "lamp", name="rejected")
    index()
    Embedding.objects.filter(photo_id=rejected.pk).delete()
    Rejection.objects.create(space=space, photo=rejected, reason="This photo is damaged.")
    both = photo("blue", "lamp", name="pending")
    add_photo(both.product, picture("navy"))
    product("lamp", name="bare")


def change_url(product) -> str:
    return reverse("admin:catalog_product_change", args=[product.pk])


def labels(page: str) -> list[str]:
    return [" ".join(text.split()) for text in re.findall(r"field-index_state.*?</td>", page, re.S)]


def found(client, query: str) -> list[str]:
    return [product.name for product in client.get(f"{LIST}?{query}").context["cl"].result_list]


def act(client, action: str, *products) -> str:
    data = {"action": action, "_selected_action": [product.pk for product in products]}
    return client.post(LIST, data, follow=True).content.decode()


def test_the_list_says_what_became_of_the_photos(admin_client, four):
    bare, indexed, pending, rejected = labels(admin_client.get(LIST).content.decode())
    assert "no photos" in bare
    assert "1 indexed" in indexed
    assert "2 pending" in pending
    assert "1 rejected" in rejected


def test_the_list_asks_as_often_for_many_products_as_for_one(
    admin_client, space, photo, index, django_assert_num_queries
):
    photo("red")
    index()
    admin_client.get(LIST)  # Content types are read once and kept.
    with CaptureQueriesContext(connection) as few:
        admin_client.get(LIST)
    for colour in ("blue", "green", "navy", "white"):
        photo(colour)
    with django_assert_num_queries(len(few)):
        admin_client.get(LIST)


@pytest.mark.parametrize(
    ("state", "names"),
    [
        ("indexed", ["indexed"]),
        ("pending", ["pending"]),
        ("rejected", ["rejected"]),
        ("none", ["bare"]),
        ("nonsense", ["bare", "indexed", "pending", "rejected"]),
    ],
)
def test_the_list_is_filtered_by_state(admin_client, four, state, names):
    assert found(admin_client, f"index={state}") == names


def test_a_product_that_was_moved_is_pending_until_its_vectors_are_filed_anew(admin_client, four, category, index):
    product = Photo.objects.get(product__name="indexed").product
    product.category = category("bed")
    product.save()
    assert found(admin_client, "index=pending") == ["indexed", "pending"]
    index()
    assert found(admin_client, "index=indexed") == ["indexed", "pending"]


def test_without_a_space_the_list_and_the_form_say_so(admin_client, photo):
    made = photo("red")
    assert "no space yet" in admin_client.get(LIST).content.decode()
    assert "no space yet" in admin_client.get(change_url(made.product)).content.decode()
    assert found(admin_client, "index=pending") == []


def test_the_form_says_of_each_photo_what_became_of_it_and_why(admin_client, four):
    page = admin_client.get(change_url(Photo.objects.get(product__name="rejected").product)).content.decode()
    assert "rejected" in page
    assert "This photo is damaged." in page


def test_saving_a_product_does_not_wait_for_the_model(admin_client, space, product, media):
    Space.objects.update(recipe={**space.recipe, "weights": "/no/such/weights.pth"})
    made = product("lamp")
    form = {
        "sku": made.sku,
        "name": "Lamp",
        "category": made.category.pk,
        "currency": "EUR",
        "attributes": "{}",
        "photos-TOTAL_FORMS": 0,
        "photos-INITIAL_FORMS": 0,
    }
    sent = SimpleUploadedFile("red.png", picture("red"))
    assert admin_client.post(change_url(made), {**form, "new_photos": [sent]}).status_code == 302
    assert found(admin_client, "index=pending") == ["Lamp"]


def test_selected_products_are_indexed_anew(admin_client, space, beside, four, index, monkeypatch):
    rung = []
    monkeypatch.setattr(worker_bell, "ring", lambda: rung.append(True))
    while indexing.index_batch(beside):
        pass
    products = [Photo.objects.get(product__name=name).product for name in ("indexed", "rejected")]
    assert "2 photos are being indexed anew." in act(admin_client, "reindex", *products)
    assert found(admin_client, "index=pending") == ["indexed", "pending", "rejected"]
    assert not Embedding.objects.filter(photo__product__in=products).exists()
    assert index() == 4
    assert found(admin_client, "index=indexed") == ["indexed", "pending", "rejected"]


def test_rejected_photos_of_selected_products_are_tried_again(admin_client, four, index):
    rejected = Photo.objects.get(product__name="rejected").product
    assert "1 photo will be tried again." in act(admin_client, "retry", rejected)
    assert found(admin_client, "index=pending") == ["pending", "rejected"]


def test_captions_are_made_anew_for_the_products_selected(
    admin_client, photo, product, settings, monkeypatch, django_capture_on_commit_callbacks
):
    rings: list[str] = []
    monkeypatch.setattr(worker_bell, "ring", lambda task=worker_bell.INDEX: rings.append(task))
    assert "caption_anew" not in admin_client.get(LIST).content.decode()
    settings.CAPTION_URL = "http://unused.example/v1"
    made, bare = photo("red").product, product()
    Caption.objects.create(product=made, maker="m", attempts=MOST_ATTEMPTS, reason="No word.", requests=5)
    with django_capture_on_commit_callbacks(execute=True):
        assert "1 product gets a new caption." in act(admin_client, "caption_anew", made, bare)
    row = Caption.objects.get()
    assert (row.attempts, row.reason, row.requests, rings) == (0, "", 5, ["descriptions.tasks.caption_pending"])


def test_too_many_products_are_not_captioned_anew(admin_client, photo, settings, monkeypatch):
    settings.CAPTION_URL = "http://unused.example/v1"
    monkeypatch.setattr("staff.products.MOST_SELECTED", 1)
    page = act(admin_client, "caption_anew", photo("red").product, photo("blue").product)
    assert "Select at most 1 products at a time." in page
