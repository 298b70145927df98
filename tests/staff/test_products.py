import io
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from catalog.models import Photo, Product
from catalog.photos import MAX_PHOTOS, add_photo
from search.models import Rejection, Space
from staff.products import THUMBNAIL_SIDE
from tests.conftest import picture

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/product/"
ADD = f"{LIST}add/"


@pytest.fixture
def admin(db):
    client = Client()
    client.force_login(User.objects.create_superuser("owner"))
    return client


def change_url(product):
    return f"/admin/catalog/product/{product.pk}/change/"


def form(in_category, **fields):
    """What the product form sends; `new_photos` is a list of name and bytes."""
    uploads = [SimpleUploadedFile(name, data) for name, data in fields.pop("new_photos", [])]
    return {
        "sku": "CH-1",
        "name": "Oak chair",
        "category": in_category.pk,
        "currency": "EUR",
        "in_stock": "on",
        "attributes": "{}",
        "photos-TOTAL_FORMS": 0,
        "photos-INITIAL_FORMS": 0,
        "new_photos": uploads,
        **fields,
    }


def small(photo):
    return f"/admin/catalog/product/thumbnail/{photo.file.name}"


def form_errors(response):
    assert response.status_code == 200
    return response.context["adminform"].form.errors


def test_a_product_is_made_with_several_photos_at_once(admin, category, media):
    photos = [("red.png", picture("red")), ("blue.png", picture("blue")), ("again.png", picture("red"))]
    answer = admin.post(ADD, form(category("chair"), new_photos=photos), follow=True)
    assert "Photos: 2 added, 1 were there already." in answer.content.decode()
    assert [photo.position for photo in Product.objects.get().photos.all()] == [0, 1]
    assert sum(path.is_file() for path in media.rglob("*")) == 2


def test_a_photo_that_no_decoder_was_free_for_is_an_error_of_the_form(admin, category, busy_decoders):
    answer = admin.post(ADD, form(category("chair"), new_photos=[("red.png", picture("red"))]))
    told = "red.png: Too many photos are being read at the moment. Try again in a few seconds."
    assert form_errors(answer) == {"new_photos": [told]}
    assert Product.objects.count() == 0


def test_photos_are_added_to_a_product_that_has_some(admin, photo):
    made = photo("red").product
    data = form(
        made.category,
        **{
            "photos-TOTAL_FORMS": 1,
            "photos-INITIAL_FORMS": 1,
            "photos-0-id": made.photos.get().pk,
            "photos-0-product": made.pk,
            "photos-0-position": 5,
        },
        new_photos=[("blue.png", picture("blue"))],
    )
    assert admin.post(change_url(made), data).status_code == 302
    assert [photo.position for photo in made.photos.all()] == [5, 6]


def test_a_photo_is_deleted_in_the_form(admin, photo, django_capture_on_commit_callbacks, media):
    made = photo("red").product
    data = form(
        made.category,
        **{
            "photos-TOTAL_FORMS": 1,
            "photos-INITIAL_FORMS": 1,
            "photos-0-id": made.photos.get().pk,
            "photos-0-product": made.pk,
            "photos-0-position": 0,
            "photos-0-DELETE": "on",
        },
    )
    with django_capture_on_commit_callbacks(execute=True):
        assert admin.post(change_url(made), data).status_code == 302
    assert Photo.objects.count() == 0
    assert not any(path.is_file() for path in media.rglob("*"))


def test_files_that_are_no_photos_are_errors_that_name_them(admin, category):
    photos = [("red.png", picture("red")), ("price-list.pdf", b"%PDF-1.7"), ("empty.jpg", b"")]
    errors = form_errors(admin.post(ADD, form(category("chair"), new_photos=photos)))
    assert errors == {
        "new_photos": [
            "price-list.pdf: This is not a photo we can read: send JPEG, PNG, WebP, AVIF, HEIC or GIF.",
            "empty.jpg: The submitted file is empty.",
        ]
    }
    assert Product.objects.count() == 0


def test_a_product_that_is_full_is_saved_without_the_new_photos(admin, product):
    made = product("chair")
    Photo.objects.bulk_create(
        Photo(product=made, sha256=f"{number:064}", width=1, height=1) for number in range(MAX_PHOTOS)
    )
    data = form(made.category, name="Renamed", new_photos=[("red.png", picture("red"))])
    answer = admin.post(change_url(made), data, follow=True)
    assert "No photo was added. A product has at most 50 photos." in answer.content.decode()
    made.refresh_from_db()
    assert (made.name, made.photos.count()) == ("Renamed", MAX_PHOTOS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "\x00"),
        ("sku", "a/b"),
        ("sku", "a\x00"),
        ("price", "NaN"),
        ("price", "1e400"),
        ("url", "javascript:alert(1)"),
        ("attributes", '{"a": "\\u0000"}'),
        ("attributes", "{"),
        ("attributes", "[" * 100_000),
        ("attributes", '{"a": ' + "1" * 5000 + "}"),
        ("attributes", '{"a": "\\ud800"}'),
        ("attributes", '{"a": {"b": 1}}'),
        ("category", "x"),
    ],
)
def test_odd_values_are_errors_of_the_form(admin, category, field, value):
    errors = form_errors(admin.post(ADD, form(category("chair"), **{field: value})))
    assert list(errors) == [field]


def test_attributes_are_shown_again_as_they_were_typed(admin, category):
    answer = admin.post(ADD, form(category("chair"), attributes='{"a":"\\ud800"}'))
    assert answer.context["adminform"].form["attributes"].value() == '{"a":"\\ud800"}'


def test_a_position_far_out_is_an_error_of_the_form(admin, photo):
    made = photo("red")
    data = form(
        made.product.category,
        **{
            "photos-TOTAL_FORMS": 1,
            "photos-INITIAL_FORMS": 1,
            "photos-0-id": made.pk,
            "photos-0-product": made.product.pk,
            "photos-0-position": 2**31 - 1,
        },
    )
    answer = admin.post(change_url(made.product), data)
    [inline] = answer.context["inline_admin_formsets"]
    assert inline.formset.errors == [{"position": ["Ensure this value is less than or equal to 10000."]}]


def test_a_full_product_worth_of_photos_is_taken_at_once(admin, category):
    photos = [(f"{number}.png", picture((number, 0, 0), (32, 32))) for number in range(MAX_PHOTOS)]
    assert admin.post(ADD, form(category("chair"), new_photos=photos)).status_code == 302
    assert Photo.objects.count() == MAX_PHOTOS


def test_whoever_may_delete_products_may_delete_what_belongs_to_them(client_with, photo):
    made = photo("red")
    space = Space.objects.create(name="test", recipe={}, dimensions=8)
    Rejection.objects.create(space=space, photo=made, reason="corrupt")
    client = client_with("delete_product", "view_product")
    User.objects.update(is_staff=True)
    assert client.post(f"/admin/catalog/product/{made.product.pk}/delete/", {"post": "yes"}).status_code == 302
    assert (Product.objects.count(), Photo.objects.count()) == (0, 0)


def test_emptied_attributes_are_no_attributes(admin, category):
    assert admin.post(ADD, form(category("chair"), attributes="")).status_code == 302
    assert Product.objects.get().attributes == {}


def test_who_may_not_add_photos_is_not_offered_to(client_with, category, product):
    made = product("chair")
    client = client_with("change_product", "view_product", "view_category")
    User.objects.update(is_staff=True)
    assert "new_photos" not in client.get(change_url(made)).content.decode()
    data = form(made.category, new_photos=[("red.png", picture("red"))])
    assert client.post(change_url(made), data).status_code == 302
    assert Photo.objects.count() == 0


def test_the_product_form_shows_the_photos(admin, photo):
    made = photo("red")
    page = admin.get(change_url(made.product)).content.decode()
    assert f'href="{made.file.url}"' in page
    assert f'src="{small(made)}"' in page
    assert "64 × 64" in page
    assert re.search(r'name="photos-0-position"[^>]* aria-label="Position of the photo"', page)
    assert re.search(r'<input type="file" name="new_photos"[^>]* multiple', page)
    assert "50 a product: JPEG, PNG, WebP, AVIF, HEIC or GIF, up to 20 MB each and 84 MB together." in page


def test_the_product_list_shows_first_photos_in_as_many_queries_for_one_as_for_many(
    admin, photo, django_assert_num_queries
):
    first = photo("red", "chair", sku="CH-1")
    admin.get("/admin/catalog/product/")  # content types are read once and kept
    with CaptureQueriesContext(connection) as few:
        page = admin.get("/admin/catalog/product/").content.decode()
    assert re.findall(r'src="(/admin/[^"]+)" alt="Photo of CH-1"', page) == [small(first)]
    for number in range(5):
        photo("blue", of=photo("red", f"category-{number}").product)
    with django_assert_num_queries(len(few)):
        page = admin.get("/admin/catalog/product/").content.decode()
    assert len(re.findall(r'class="thumbnail" src="/admin/', page)) == 6


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=ch-1", 1), ("q=oak", 1), ("q=nothing", 0), ("in_stock__exact=0", 1), ("q=%00", 2), ("p=99999", None)],
)
def test_the_product_list_is_searched_and_filtered(admin, product, query, found):
    product("chair", sku="CH-1", name="Oak chair")
    product("lamp", in_stock=False)
    answer = admin.get(f"/admin/catalog/product/?{query}", follow=True)
    assert answer.status_code == 200
    if found is not None:
        assert answer.context["cl"].result_count == found


def test_the_category_list_shows_numbers_of_products(admin, product):
    product("chair")
    product("chair")
    page = admin.get("/admin/catalog/category/").content.decode()
    assert re.search(r"field-products[^>]*>2<", page)
    assert admin.get("/admin/catalog/category/?o=3").status_code == 200


def test_a_category_with_products_is_kept_and_the_products_are_named(admin, product):
    made = product("chair", name="Oak chair")
    page = admin.post(f"/admin/catalog/category/{made.category.pk}/delete/", {"post": "yes"}).content.decode()
    assert "would require deleting the following protected related objects" in page
    assert "Oak chair" in page


def test_a_photo_is_shown_small_to_staff_and_kept_by_their_browsers(admin, product):
    made, _ = add_photo(product("lamp"), picture("red", (1200, 800)))
    address = small(made)
    answer = admin.get(address)
    assert Image.open(io.BytesIO(answer.content)).size == (THUMBNAIL_SIDE, 160)
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    made.delete()
    made.file.delete(save=False)
    assert admin.get(address).status_code == 404
    assert Client().get(address).status_code == 302


def test_what_is_searched_for_comes_best_first_unless_a_column_is_clicked(admin, product):
    product("chair", name="Stool", description="Goes with the oak table.")
    product("chair", name="Oak table")
    for query, found in {"q=oak": ["Oak table", "Stool"], "q=oak&o=-3": ["Stool", "Oak table"]}.items():
        assert [row.name for row in admin.get(f"{LIST}?{query}").context["cl"].result_list] == found


def test_a_long_list_is_counted_no_further_than_anybody_pages(admin, product, monkeypatch):
    for _ in range(3):
        product("chair")
    assert "or more: search or filter" not in admin.get(LIST).content.decode()
    monkeypatch.setattr("staff.lists.MOST_COUNTED", 2)
    answer = admin.get(LIST)
    assert answer.context["cl"].result_count == 2
    assert "or more: search or filter to see the others." in answer.content.decode()


def select(*products, **more):
    return {"action": "move", "_selected_action": [made.pk for made in products], **more}


def test_products_are_moved_to_the_category_that_is_asked_for(admin, product, category):
    chair, lamp, bed = product("chair"), product("lamp"), category("bed")
    page = admin.post(LIST, select(chair, lamp)).content.decode()
    assert "chair 1, Chair" in page
    assert "lamp 2, Lamp" in page
    unsure = admin.post(LIST, select(chair, lamp, to=""))
    assert "This field is required." in unsure.content.decode()
    assert {made.category.slug for made in Product.objects.all()} == {"chair", "lamp"}
    answer = admin.post(LIST, select(chair, lamp, to=bed.pk), follow=True)
    assert "2 products were moved to Bed." in answer.content.decode()
    assert {made.category for made in Product.objects.all()} == {bed}
    assert {entry.change_message for entry in LogEntry.objects.all()} == {"Moved to Bed."}
    answer = admin.post(LIST, select(chair, to=chair.category_id), follow=True)
    assert "1 product was moved to Chair." in answer.content.decode()


@pytest.mark.parametrize("action", ["move", "delete_selected"])
def test_no_more_products_are_moved_or_deleted_than_a_request_takes(admin, product, category, monkeypatch, action):
    monkeypatch.setattr("staff.products.MOST_SELECTED", 1)
    bed = category("bed")
    more = {"action": action, "to": bed.pk, "post": "yes"}
    answer = admin.post(LIST, select(product("chair"), product("lamp"), **more), follow=True)
    assert "Select at most 1 products at a time." in answer.content.decode()
    assert Product.objects.exclude(category=bed).count() == 2


def test_who_may_only_look_moves_nothing(client_with, product, category):
    client = client_with("view_product")
    User.objects.update(is_staff=True)
    client.post(LIST, select(product("chair"), to=category("bed").pk))
    assert Product.objects.get().category.slug == "chair"


def test_the_caption_is_shown_apart_and_cannot_be_edited(admin, product):
    made = product("chair")
    assert "Caption source" not in admin.get(change_url(made)).content.decode()
    Product.objects.update(caption="A <red> chair.", caption_source="small-vision")
    page = admin.get(change_url(made)).content.decode()
    assert "A &lt;red&gt; chair." in page
    assert "small-vision" in page
    assert 'name="caption' not in page
    data = form(made.category, sku=made.sku, caption="Mine", caption_source="me")
    assert admin.post(change_url(made), data).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.caption, made.caption_source) == ("Oak chair", "A <red> chair.", "small-vision")


def test_a_caption_made_while_the_form_is_saved_is_kept(admin, product, monkeypatch):
    made = product("chair")

    def clean(form):
        Product.objects.update(caption="A red chair.")
        return form.cleaned_data["attributes"]

    monkeypatch.setattr("staff.product_form.ProductForm.clean_attributes", clean)
    assert admin.post(change_url(made), form(made.category, sku=made.sku)).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.caption) == ("Oak chair", "A red chair.")
