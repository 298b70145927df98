"""Pages and photos: so many for each address."""

import os
import signal
import time

import pytest
from django.core.cache import caches

from config.embedded import servers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _counts():
    caches["counts_here"].clear()
    yield
    caches["counts_here"].clear()


@pytest.mark.parametrize("address", ["/", "/products/OAK-1/", "/nowhere", "/livez/", "/admin/login/"])
def test_pages_are_throttled_and_refused_in_words(client, settings, address):
    settings.PAGE_THROTTLE = "2/min"
    assert [client.get(address).status_code == 429 for _ in range(3)] == [False, False, True]
    answer = client.get(address)
    seconds = int(answer["Retry-After"])
    assert 0 < seconds <= 120
    assert "text/html" in answer["Content-Type"]
    assert f"Try again in {seconds} second" in answer.content.decode()


@pytest.mark.parametrize(
    "address", ["/media/photos/00/none.jpg", "/samples/none.jpg", "/admin/catalog/product/thumbnail/photos/00/a.jpg"]
)
def test_photos_are_counted_apart_from_pages(client, settings, address):
    settings.PAGE_THROTTLE, settings.PHOTO_THROTTLE = "1/min", "2/min"
    assert client.get("/").status_code == 200
    assert [client.get(address).status_code == 429 for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize("address", ["/api/nowhere/", "/api/v1/products", "/api/v1/search/nowhere/"])
def test_addresses_that_the_api_does_not_have_are_counted_as_pages_and_refused_as_the_api_does(
    client, settings, address
):
    settings.PAGE_THROTTLE = "2/min"
    assert [client.get(address).status_code == 429 for _ in range(3)] == [False, False, True]
    answer = client.get(address)
    [error] = answer.json()["errors"]
    assert (error["code"], 0 < int(answer["Retry-After"]) <= 120) == ("throttled", True)
    assert f"Try again in {answer['Retry-After']} second" in error["detail"]


def test_each_address_has_a_count_of_its_own(client, settings):
    settings.PAGE_THROTTLE = "1/min"
    asked = [client.get("/", REMOTE_ADDR=f"203.0.113.{last}").status_code for last in (7, 8, 7)]
    assert asked == [200, 200, 429]


@pytest.mark.parametrize("address", ["/livez", "/api/v1/categories/", "/metrics"])
def test_probes_and_the_api_are_not_counted(client, settings, address):
    settings.PAGE_THROTTLE = settings.PHOTO_THROTTLE = "1/min"
    assert [client.get(address).status_code for _ in range(3)] == [401 if address == "/metrics" else 200] * 3


def test_redis_is_not_asked(client, settings):
    settings.PAGE_THROTTLE = "2/min"
    caches["counts"].get("runs")
    pid = servers.redis().pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
        assert time.monotonic() - begun < 1
    finally:
        os.kill(pid, signal.SIGCONT)
