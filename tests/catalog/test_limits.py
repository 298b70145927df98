import pytest
from django.test.client import MULTIPART_CONTENT

from tests.api_answers import errors

URL = "/api/v1/products/"


@pytest.fixture(autouse=True)
def _small(settings):
    settings.MAX_REQUEST_BYTES = 1_000_000
    settings.MAX_ADMIN_REQUEST_BYTES = 10_000_000
    settings.MAX_IMPORT_REQUEST_BYTES = 100_000_000


def post(client, length, url=URL):
    return client.post(url, "{}", "application/json", CONTENT_LENGTH=length)


@pytest.mark.parametrize("length", ["1000001", "0001000001", "9" * 5000])
def test_a_request_that_is_too_large_is_refused_before_it_is_read(client, length):
    answer = post(client, length)
    assert errors(answer) == (413, "client_error", [(None, "request_too_large")])
    assert answer.json()["errors"][0]["detail"] == "A request has at most 1 MB."


@pytest.mark.parametrize("length", ["-1", "many", "1e9", "0x10", "1.5", "１２", " 5", "\x00"])
def test_a_length_that_is_no_number_is_refused(client, length):
    assert errors(post(client, length)) == (400, "client_error", [(None, "invalid_content_length")])


@pytest.mark.django_db
@pytest.mark.parametrize("length", ["", "0", "2", "1000000"])
def test_a_request_within_the_limit_goes_on(client, length):
    assert post(client, length).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["/admin/catalog/product/add/", "/admin/catalog/product/1/change/"])
def test_photos_sent_with_the_product_form_have_a_larger_limit(client, url):
    client.cookies["sessionid"] = "any"
    assert client.post(url, {}, CONTENT_LENGTH="10000000").status_code == 302
    answer = client.post(url, {}, CONTENT_LENGTH="10000001")
    assert errors(answer) == (413, "client_error", [(None, "request_too_large")])


@pytest.mark.django_db
def test_a_catalogue_has_a_limit_of_its_own(client):
    client.cookies["sessionid"] = "any"
    assert client.post("/admin/catalog/import/add/", {}, CONTENT_LENGTH="100000000").status_code == 302
    answer = client.post("/admin/catalog/import/add/", {}, CONTENT_LENGTH="100000001")
    assert errors(answer) == (413, "client_error", [(None, "request_too_large")])


@pytest.mark.parametrize(
    ("cookie", "url", "content_type"),
    [
        ("csrftoken", "/admin/catalog/product/add/", MULTIPART_CONTENT),
        ("sessionid", "/admin/login/", MULTIPART_CONTENT),
        ("sessionid", "/admin/catalog/category/add/", MULTIPART_CONTENT),
        ("sessionid", "/admin/catalog/product/add/", "application/x-www-form-urlencoded"),
        ("csrftoken", "/admin/catalog/import/add/", MULTIPART_CONTENT),
        ("sessionid", "/admin/catalog/import/", MULTIPART_CONTENT),
        ("sessionid", "/admin/catalog/import/1/start/", MULTIPART_CONTENT),
        ("sessionid", "/api/v1/products/CH-1/photos/", MULTIPART_CONTENT),
    ],
)
def test_nothing_else_has_a_larger_limit(client, cookie, url, content_type):
    client.cookies[cookie] = "any"
    answer = client.generic("POST", url, b"", content_type, CONTENT_LENGTH="1000001")
    assert errors(answer) == (413, "client_error", [(None, "request_too_large")])


@pytest.mark.parametrize("charset", ["UTF-8", "utf8", '"utf-8"'])
def test_utf_8_goes_on_however_it_is_written(client, charset):
    assert client.get("/livez", headers={"content-type": f"application/json; charset={charset}"}).status_code == 200


def test_another_host_is_refused_without_a_word_about_the_settings(client, caplog):
    answer = client.get("/api/v1/products/", headers={"host": "evil.example"})
    assert errors(answer) == (400, "client_error", [(None, "bad_request")])
    assert answer.json()["errors"][0]["detail"] == "This site does not answer such a request."
    [line] = caplog.records
    assert "evil.example" in line.getMessage()
