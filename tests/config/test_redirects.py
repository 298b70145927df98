"""Redirects that keep the method."""

import pytest

ADDRESS = "/api/v1/products/?page=2"


@pytest.mark.parametrize("method", ["get", "post", "put"])
def test_http_is_sent_on_to_https_as_the_request_that_it_is(client, settings, method):
    settings.SECURE_SSL_REDIRECT = True
    answer = getattr(client, method)(ADDRESS)
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://testserver{ADDRESS}")


@pytest.mark.parametrize("debug", [False, True])
def test_a_write_without_its_last_slash_is_sent_on_as_a_write(client, settings, debug):
    settings.DEBUG = debug
    answer = client.post("/api/v1/products?page=2")
    assert (answer.status_code, answer.headers["Location"]) == (308, ADDRESS)
