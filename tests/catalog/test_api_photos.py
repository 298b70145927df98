import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from catalog.models import Photo
from catalog.photos import MAX_PHOTOS
from ml.images import MAX_BYTES
from tests.api_answers import errors, invalid, not_found, unreadable
from tests.bombs import png_of_profiles
from tests.conftest import picture

URL = "/api/v1/products/CH-1/photos/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def chair(product):
    return product("chair", sku="CH-1")


def upload(data, name="photo.png"):
    return SimpleUploadedFile(name, data)


def count_files(media):
    return sum(path.is_file() for path in media.rglob("*"))


def test_a_photo_is_added(editor, chair):
    answer = editor.post(URL, {"image": upload(picture("red", (80, 40)))})
    assert answer.status_code == 201
    [shown] = answer.json()
    photo = chair.photos.get()
    assert (shown["id"], shown["width"], shown["height"], shown["position"]) == (photo.id, 80, 40, 0)
    assert shown["file"] == f"http://testserver/media/{photo.file.name}"


def test_while_all_decoders_are_busy_nothing_is_stored(editor, chair, media, busy_decoders):
    answer = editor.post(URL, {"image": upload(picture("red"))})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "decoders_busy")
    assert (chair.photos.count(), count_files(media)) == (0, 0)


def test_several_photos_are_added_in_order(editor, chair):
    answer = editor.post(URL, {"image": [upload(picture("red")), upload(picture("blue"))]})
    assert (answer.status_code, [shown["position"] for shown in answer.json()]) == (201, [0, 1])
    assert editor.get(URL).json() == answer.json()


def test_a_photo_that_is_there_already_is_answered_with_200(editor, chair):
    first = editor.post(URL, {"image": upload(picture("red"))})
    again = editor.post(URL, {"image": upload(picture("red"))})
    assert (again.status_code, again.json()) == (200, first.json())
    mixed = editor.post(URL, {"image": [upload(picture("red")), upload(picture("blue"))]})
    assert (mixed.status_code, mixed.json()[0]) == (201, first.json()[0])
    assert chair.photos.count() == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"%PDF-1.7", "unsupported_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported_format"),
        (picture("red", kind="TIFF"), "unsupported_format"),
        (picture("red", (300, 300), "JPEG")[:500], "corrupt"),
        (picture("red", (4, 4)), "too_small"),
        (png_of_profiles(300, 10), "too_costly"),
        (picture("red", (16, 400)), "too_narrow"),
        (b"", "empty"),
    ],
)
def test_what_is_no_photo_is_refused_with_its_own_code(editor, chair, data, code):
    assert errors(editor.post(URL, {"image": upload(data)})) == invalid("image.0", code)


def test_one_bad_photo_refuses_them_all(editor, chair, media):
    answer = editor.post(URL, {"image": [upload(picture("red")), upload(b"no photo")]})
    assert errors(answer) == invalid("image.1", "unsupported_format")
    assert Photo.objects.count() == 0
    assert count_files(media) == 0


def test_a_request_without_a_photo_is_refused(editor, chair):
    assert errors(editor.post(URL, {})) == invalid("image", "required")
    assert errors(editor.post(URL, {"image": "text"})) == invalid("image.0", "invalid")


def test_a_photo_of_too_many_bytes_is_too_large(editor, chair):
    answer = editor.post(URL, {"image": upload(b"x" * (MAX_BYTES + 1))})
    assert errors(answer) == (413, "client_error", [(None, "too_many_bytes")])


def test_more_files_than_a_request_may_have_are_refused(editor, chair):
    answer = editor.post(URL, {"image": [upload(b"x") for _ in range(21)]})
    assert errors(answer) == invalid("image", "max_length")
    answer = editor.post(URL, {"image": [upload(b"x") for _ in range(61)]})
    assert errors(answer) == unreadable()


def test_a_form_with_too_much_text_is_too_large(editor, chair):
    answer = editor.post(URL, {"image": "x" * 3_000_000})
    assert errors(answer) == (413, "client_error", [(None, "too_large")])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"--x\r\nContent-Disposition: form-data; name=image", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=" + "x" * 500),
        (b"{}", "application/json"),
        (b"x", "image/jpeg"),
        (b"x", "\x00"),
    ],
)
def test_a_broken_form_is_refused(editor, chair, body, content_type):
    answer = editor.generic("POST", URL, body, content_type)
    status, kind, _ = errors(answer)
    assert status in {400, 415}
    assert kind in {"client_error", "validation_error"}


def test_a_product_that_is_full_takes_no_more(editor, chair):
    Photo.objects.bulk_create(
        Photo(product=chair, sha256=f"{number:064}", width=1, height=1) for number in range(MAX_PHOTOS)
    )
    answer = editor.post(URL, {"image": upload(picture("red"))})
    assert errors(answer) == (409, "client_error", [(None, "too_many_photos")])


@pytest.mark.django_db(transaction=True)
def test_a_photo_is_deleted_with_its_file(editor, photo, media):
    made = photo("red", sku="CH-1")
    assert editor.delete(f"{URL}{made.id}/").status_code == 204
    assert editor.get(URL).json() == []
    assert count_files(media) == 0


def test_a_photo_of_another_product_is_not_found(editor, chair, photo):
    other = photo("red")
    assert errors(editor.delete(f"{URL}{other.id}/")) == not_found()
    assert Photo.objects.count() == 1


@pytest.mark.parametrize("photo_id", ["0", "x", "%00", "9" * 30, "9" * 5000, "-1", "1.0"])
def test_an_odd_photo_id_is_not_found(editor, chair, photo_id):
    assert editor.delete(f"{URL}{photo_id}/").status_code == 404


@pytest.mark.parametrize("sku", ["nowhere", "%ED%A0%80"])
def test_photos_of_an_unknown_product_are_not_found(editor, sku):
    url = f"/api/v1/products/{sku}/photos/"
    assert errors(editor.get(url)) == not_found()
    assert errors(editor.post(url, {"image": upload(picture("red"))})) == not_found()


def test_photos_of_a_sku_that_no_database_could_hold_are_refused(editor):
    url = "/api/v1/products/%00/photos/"
    assert errors(editor.get(url)) == unreadable()
    assert errors(editor.post(url, {"image": upload(picture("red"))})) == unreadable()
