"""Who counts as one stranger, and what counts as more than one request."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.cache import caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory
from django.urls import reverse
from rest_framework.authtoken.models import Token

from search.api import documentation, throttles
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts():
    caches["counts"].clear()
    yield
    caches["counts"].clear()


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8:1:2:3:4:5:6]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        ("x" * 500, "no address"),
        ("for me 203.0.113.7 x", "no address"),
        ("203.0.113.7:51234:1", "no address"),
    ],
)
def test_an_address_is_counted_by_what_one_customer_has(given, counted):
    assert throttles.address(RequestFactory().get("/", REMOTE_ADDR=given)) == counted


def test_the_address_is_the_one_that_the_proxies_passed_on(settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    request = RequestFactory().get("/", headers={"x-forwarded-for": "10.9.9.9, 203.0.113.7"})
    assert throttles.address(request) == "203.0.113.7"


def test_a_proxy_that_is_not_counted_is_told_to_the_log_once(settings, caplog):
    throttles._warn_of_uncounted_proxies.cache_clear()
    through_proxy = RequestFactory().get("/", headers={"x-forwarded-for": "203.0.113.7"})
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    throttles.address(through_proxy)
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 0}
    throttles.address(RequestFactory().get("/"))
    assert caplog.text == ""
    assert [throttles.address(through_proxy) for _ in range(2)] == ["127.0.0.1"] * 2
    assert caplog.text.count("NUM_PROXIES is 0: if a reverse proxy of yours sent it") == 1


def test_what_is_no_address_is_told_to_the_log_once_and_never_quoted(caplog):
    throttles._warn_of_no_address.cache_clear()
    for name in ("lamp one", "lamp two"):
        throttles.address(RequestFactory().get("/", REMOTE_ADDR=name))
    [told] = [record.getMessage() for record in caplog.records]
    assert told.startswith("A request came from what is no address")
    assert "lamp" not in told


ADDRESSES = ["/api/v1/products/", "/api/v1/products/?facets=true", "/api/v1/categories/", "/api/schema/", "/api/docs/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_of_the_api_is_throttled(client, settings, address):
    settings.SEARCH_THROTTLE = "2/min"
    assert [client.get(address).status_code for _ in range(3)] == [200, 200, 429]
    answer = client.get(address)
    assert 0 < int(answer["Retry-After"]) <= 120


def test_staff_and_tokens_are_not_throttled(client, admin_user, settings):
    settings.SEARCH_THROTTLE = "1/min"
    token = {"authorization": f"Token {Token.objects.create(user=admin_user).key}"}
    assert [client.get(ADDRESSES[0], headers=token).status_code for _ in range(3)] == [200] * 3


def test_words_count_as_searches_where_they_are_encoded(client, settings):
    settings.SEARCH_THROTTLE = "1/min"
    settings.TEXT_ENCODER = "none"  # It takes seconds to load.
    asked = reverse("search-text")
    assert client.get(asked, {"q": "oak"}).status_code == 200
    assert client.get(asked, {"q": "oak", "mode": "meaning"}).status_code == 429
    assert client.get(asked, {"q": "oak", "mode": "words"}).status_code == 200


def test_a_search_for_several_things_counts_as_five(client, settings):
    settings.SEARCH_THROTTLE = "5/min"

    def ask(**fields):
        return client.post(reverse("search"), {"image": SimpleUploadedFile("a.png", picture("red")), **fields})

    assert ask(objects="auto").status_code == 503  # There is no space.
    assert ask().status_code == 429
    caches["counts"].clear()
    assert ask().status_code == 503
    assert ask(objects="auto").status_code == 429
    assert [ask().status_code for _ in range(5)] == [503] * 4 + [429]  # What was refused does not count.


def test_a_search_for_several_things_takes_all_of_a_small_limit(client, settings):
    settings.SEARCH_THROTTLE = "4/min"
    fields = {"image": SimpleUploadedFile("a.png", picture("red")), "objects": "auto"}
    assert client.post(reverse("search"), fields).status_code == 503
    assert client.post(reverse("search"), {"image": SimpleUploadedFile("a.png", picture("red"))}).status_code == 429


def test_the_schema_is_made_once_for_all_who_ask_at_once(client):
    documentation._schema.cache_clear()
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: Client().get("/api/schema/"), range(16)))
    assert [answer.status_code for answer in answers] == [200] * 16
    assert len({answer.content for answer in answers}) == 1
    assert documentation._schema.cache_info().misses == 1


def test_options_of_the_documentation_are_refused(client):
    assert client.options("/api/docs/").status_code == 405
