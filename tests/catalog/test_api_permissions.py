import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.authtoken.models import Token

from tests.api_answers import errors
from tests.conftest import picture

JSON = "application/json"
PRODUCT = {"sku": "new", "name": "New", "category": "chair"}
CATEGORY = {"slug": "sofa", "name": "Sofa"}

pytestmark = pytest.mark.django_db

# What is sent, the permission it needs, and the status of its answer then.
WRITES = [
    ("post", "/api/v1/categories/", CATEGORY, "add_category", 201),
    ("put", "/api/v1/categories/lamp/", CATEGORY, "change_category", 200),
    ("patch", "/api/v1/categories/lamp/", CATEGORY, "change_category", 200),
    ("delete", "/api/v1/categories/lamp/", None, "delete_category", 204),
    ("post", "/api/v1/products/", PRODUCT, "add_product", 201),
    ("put", "/api/v1/products/CH-1/", PRODUCT, "change_product", 200),
    ("patch", "/api/v1/products/CH-1/", {"name": "New"}, "change_product", 200),
    ("delete", "/api/v1/products/CH-1/", None, "delete_product", 204),
    ("post", "/api/v1/products/CH-1/photos/", "photo", "add_photo", 201),
    ("delete", "/api/v1/products/CH-1/photos/{id}/", None, "delete_photo", 204),
]
READS = [
    "/api/v1/categories/",
    "/api/v1/categories/chair/",
    "/api/v1/products/",
    "/api/v1/products/CH-1/",
    "/api/v1/products/CH-1/photos/",
]


@pytest.fixture(autouse=True)
def shop(photo, category):
    category("lamp")
    return photo("red", "chair", sku="CH-1")


def send(client, method, url, body, photo):
    url = url.format(id=photo.id)
    if body == "photo":
        return client.post(url, {"image": SimpleUploadedFile("photo.png", picture("blue"))})
    return getattr(client, method)(url, body, JSON)


@pytest.mark.parametrize("url", READS)
def test_anyone_may_read(client, url):
    assert client.get(url).status_code == 200


@pytest.mark.parametrize(("method", "url", "body", "permission", "status"), WRITES)
def test_only_those_with_the_permission_may_write(client, client_with, shop, method, url, body, permission, status):
    unknown = send(client, method, url, body, shop)
    assert errors(unknown) == (401, "client_error", [(None, "not_authenticated")])
    assert unknown["WWW-Authenticate"] == "Bearer"
    others = {write[3] for write in WRITES} - {permission}
    without = send(client_with(*others), method, url, body, shop)
    assert errors(without) == (403, "client_error", [(None, "permission_denied")])
    assert send(client_with(permission), method, url, body, shop).status_code == status


def test_a_token_is_as_good_as_a_session(client):
    owner = User.objects.create_superuser("owner")
    token = Token.objects.create(user=owner)
    answer = client.post("/api/v1/categories/", CATEGORY, JSON, headers={"Authorization": f"Token {token.key}"})
    assert answer.status_code == 201


@pytest.mark.parametrize("value", ["Token", "Token wrong", "Token a b", "Basic x", "Token é"])
def test_a_wrong_token_is_refused(client, value):
    answer = client.post("/api/v1/categories/", CATEGORY, JSON, headers={"Authorization": value})
    assert answer.status_code == 401


def test_a_session_needs_its_csrf_token(client_with):
    user = User.objects.create_superuser("owner")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post("/api/v1/categories/", CATEGORY, JSON).status_code == 403
