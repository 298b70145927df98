"""A good key is taken, a bad one is refused with its cure, and none is taken for nobody's."""

from datetime import timedelta

import pytest
from django.urls import reverse

from access import secrets
from access.authentication import PREFIX
from access.models import Key
from tests.access.conftest import SHOP
from tests.api_answers import errors

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/v1/products/"
NOBODYS = "sk_0123456789_" + "a" * 43


def test_a_key_is_taken_from_pages_of_its_origin_and_without_one(client, make_key):
    key, sent = make_key()
    assert client.get(PRODUCTS, headers={**sent, "origin": SHOP}).status_code == 200
    answer = client.get(PRODUCTS, headers=sent)
    assert answer.status_code == 200
    assert answer.wsgi_request.META[PREFIX] == key.prefix  # For the line of the log.


@pytest.mark.parametrize(
    "origin", ["https://other.example", "http://shop.example", "https://shop.example:8443", "null"]
)
def test_a_publishable_key_of_another_origin_is_refused_with_the_cure(client, make_key, origin):
    _, sent = make_key()
    answer = client.get(PRODUCTS, headers={**sent, "origin": origin})
    assert errors(answer) == (403, "client_error", [(None, "permission_denied")])
    assert "have staff add the origin to the key" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("sent", "cure"),
    [
        ("Bearer", "a part of it may be missing"),
        ("Bearer pk_1234", "a part of it may be missing"),
        ("Bearer 8b1f0a", "a part of it may be missing"),
        (f"Bearer {NOBODYS}", "No such key, or it was replaced."),
        (f"bearer {NOBODYS}", "No such key, or it was replaced."),
        (NOBODYS, "with the word Bearer before it"),
        (f"Token {NOBODYS}", "with the word Bearer before it"),
        (f"Basic {NOBODYS}", "with the word Bearer before it"),
    ],
)
@pytest.mark.parametrize("path", [PRODUCTS, "/api/v1/search/text/?q=oak&mode=words", "/api/v1/index/"])
def test_what_is_no_key_is_refused_with_the_cure(client, sent, cure, path):
    answer = client.get(path, headers={"authorization": sent})
    assert errors(answer) == (401, "client_error", [(None, "authentication_failed")])
    assert cure in answer.json()["errors"][0]["detail"]
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", ["search", "search-explain", "baskets", "events"])
def test_so_it_is_wherever_something_is_sent(client, name):
    answer = client.post(reverse(name), headers={"authorization": f"Bearer {secrets.make('pk')}"})
    assert answer.status_code == 401


def test_a_revoked_key_is_refused_as_such(client, make_key):
    key, sent = make_key()
    key.revoke()
    answer = client.get(PRODUCTS, headers=sent)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["detail"].startswith(f"The key {key.prefix} was revoked.")


def test_the_former_secret_of_a_rotated_key_works_for_the_time_of_grace(client, make_key):
    key, sent = make_key()
    new = {"authorization": f"Bearer {key.rotate(timedelta(hours=1))}"}
    assert [client.get(PRODUCTS, headers=one).status_code for one in (sent, new)] == [200, 200]
    Key.objects.update(former_until=key.created_at)
    assert [client.get(PRODUCTS, headers=one).status_code for one in (sent, new)] == [401, 200]


def test_what_is_stored_is_a_hash(make_key):
    key, sent = make_key()
    secret = sent["authorization"].removeprefix("Bearer ")
    stored = Key.objects.filter(pk=key.pk).values().get()
    assert not [field for field, value in stored.items() if secret[14:] in str(value)]
    assert secret.startswith(f"{stored['prefix']}_")


def test_other_schemes_are_left_to_others(client):
    assert client.get(PRODUCTS, headers={"authorization": "Basic dXNlcjpwYXNz"}).status_code == 200
