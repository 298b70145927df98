"""What a key may do, and who may ask without one."""

import pytest
from django.urls import reverse
from rest_framework.authtoken.models import Token

from access import scopes
from tests.api_answers import errors

LAMP = {"slug": "lamp", "name": "Lamp"}
CATEGORIES = "/api/v1/categories/"
READ = [
    "/api/v1/products/",
    CATEGORIES,
    "/api/v1/search/text/?q=oak&mode=words",
    "/api/v1/products/A/similar/",
    "/api/v1/index/",
]
SENT = [reverse(name) for name in ("search", "search-explain", "baskets", "events")]


def test_a_secret_key_with_catalog_write_writes_and_no_other_does(client, make_key):
    _, writer = make_key("sk", scopes=["catalog.write"])
    _, reader = make_key("sk", scopes=["read", "search", "events", "index"])
    refused = client.post(CATEGORIES, LAMP, "application/json", headers=reader)
    assert errors(refused) == (403, "client_error", [(None, "permission_denied")])
    assert "lacks the scope catalog.write" in refused.json()["errors"][0]["detail"]
    assert client.post(CATEGORIES, LAMP, "application/json", headers=writer).status_code == 201
    assert client.delete(f"{CATEGORIES}lamp/", headers=reader).status_code == 403
    assert client.delete(f"{CATEGORIES}lamp/", headers=writer).status_code == 204


@pytest.mark.parametrize("path", READ)
def test_a_key_reads_what_its_scopes_name(client, make_key, path):
    scope = {"index": scopes.INDEX, "products": scopes.READ, "categories": scopes.READ}.get(
        path.split("/")[3] if "similar" not in path else "", scopes.SEARCH
    )
    _, able = make_key("sk", scopes=[scope])
    _, unable = make_key("sk", scopes=[one for one in scopes.SCOPES if one != scope])
    assert client.get(path, headers=able).status_code not in (401, 403)
    answer = client.get(path, headers=unable)
    assert answer.status_code == 403
    assert f"lacks the scope {scope}." in answer.json()["errors"][0]["detail"]


def test_events_and_searches_are_scopes_of_their_own(client, make_key):
    _, searcher = make_key(scopes=["search"])
    _, teller = make_key(scopes=["events"])
    assert [client.post(path, headers=searcher).status_code == 403 for path in SENT] == [False, False, False, True]
    assert [client.post(path, headers=teller).status_code == 403 for path in SENT] == [True, True, True, False]


@pytest.mark.django_db
def test_strangers_are_answered_unless_the_shop_says_otherwise(client, settings):
    assert [client.get(path).status_code in (401, 403) for path in READ] == [False] * len(READ)
    settings.ANONYMOUS_API = False
    answers = [client.get(path) for path in READ] + [client.post(path) for path in SENT]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.json()["errors"][0]["code"] for answer in answers} == {"not_authenticated"}
    assert "Authorization: Bearer pk_" in answers[0].json()["errors"][0]["detail"]
    assert [client.get(path).status_code for path in ("/api/schema/", "/api/docs/", "/livez")] == [200] * 3


def test_keys_and_tokens_are_answered_by_a_shop_that_answers_no_strangers(client, make_key, admin_user, settings):
    settings.ANONYMOUS_API = False
    _, sent = make_key()
    token = {"authorization": f"Token {Token.objects.create(user=admin_user).key}"}
    assert [client.get(READ[0], headers=one).status_code for one in (sent, token)] == [200, 200]
