"""The id of a request, from the header to the answer."""

import pytest

from config.logs.request_ids import given_or_new


@pytest.mark.parametrize("given", ["a", "7f9c-1.b_C", "x" * 64])
def test_a_harmless_id_is_kept(given):
    assert given_or_new(given) == given


@pytest.mark.parametrize("given", [None, "", "x" * 65, "a b", "a\n", "ä", "a;b", "<b>", "${jndi}"])
def test_any_other_is_replaced(given):
    made = given_or_new(given)
    assert made != given
    assert (len(made), made.isalnum()) == (16, True)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/livez", "/nothing", "/api/v1/nothing/", "/api/v1/products/?price_min=x", "/admin/"])
def test_every_answer_has_it(client, path):
    assert client.get(path, headers={"x-request-id": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    assert len(client.get(path, headers={"x-request-id": "a b"}).headers["X-Request-ID"]) == 16


@pytest.mark.django_db
def test_a_request_that_is_refused_before_any_view_has_it(client):
    answer = client.get("/", headers={"host": "evil.example", "x-request-id": "abc-1"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (400, "abc-1")
