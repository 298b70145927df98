"""What a key may send in a minute and in a month, beside what its address may."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from access import usage
from access.models import Key, KeyDay, today
from access.rates import Rate
from tests.conftest import picture

PRODUCTS = "/api/v1/products/"
BASKET = {"budget": "500.00", "currency": "EUR", "things": [{"candidates": [{"sku": "BED-009", "similarity": 0.8}]}]}


def told(key: Key) -> usage.Usage:
    usage.write()
    return usage.of([Key.objects.get(pk=key.pk)])[key.pk]


def search_for_things(client, headers) -> int:
    given = {"image": SimpleUploadedFile("a.png", picture("red")), "objects": "auto"}
    return client.post(reverse("search"), given, headers=headers).status_code


def statuses(client, headers, count):
    return [client.get(PRODUCTS, headers=headers).status_code for _ in range(count)]


def test_a_key_has_so_many_requests_a_minute(client, make_key):
    key, sent = make_key("sk", scopes=["read"], per_minute=2)
    assert statuses(client, sent, 3) == [200, 200, 429]
    answer = client.get(PRODUCTS, headers=sent)
    assert 0 < int(answer["Retry-After"]) <= 120
    assert f"The key {key.prefix} has used its quota of 2 requests a minute." in answer.json()["errors"][0]["detail"]
    assert answer.json()["errors"][0]["code"] == "throttled"


def test_and_so_many_a_month(client, make_key):
    key, sent = make_key("sk", scopes=["read"], per_month=10)
    KeyDay.objects.create(key=key, day=today(), requests=8)
    assert statuses(client, sent, 3) == [200, 200, 429]
    answer = client.get(PRODUCTS, headers=sent)
    assert "10 requests a month" in answer.json()["errors"][0]["detail"]
    assert 0 < int(answer["Retry-After"]) <= 31 * 86_400


def test_keys_have_quotas_of_their_own(client, make_key):
    _, one = make_key("sk", scopes=["read"], per_minute=1)
    _, other = make_key("sk", scopes=["read"], per_minute=1)
    assert statuses(client, one, 2) + statuses(client, other, 2) == [200, 429, 200, 429]


def test_a_secret_key_is_not_counted_against_its_address(client, make_key, settings):
    settings.SEARCH_THROTTLE = "1/min"
    _, sent = make_key("sk", scopes=["read"])
    assert statuses(client, sent, 3) == [200] * 3
    assert statuses(client, {}, 2) == [200, 429]


def test_a_publishable_one_is_counted_against_it_as_well(client, make_key, settings):
    settings.SEARCH_THROTTLE = "2/min"
    key, sent = make_key()
    assert statuses(client, sent, 3) == [200, 200, 429]
    assert "Expected available" in client.get(PRODUCTS, headers=sent).json()["errors"][0]["detail"]
    usage.write()
    assert usage.of([Key.objects.get(pk=key.pk)])[key.pk] == usage.Usage(today=2, month=2, refusals=2)


def test_what_the_quota_refuses_does_not_count_for_the_address(client, make_key, settings):
    settings.SEARCH_THROTTLE = "3/min"
    _, sent = make_key(per_minute=1)
    assert statuses(client, sent, 5) == [200] + [429] * 4
    assert statuses(client, {}, 3) == [200, 200, 429]


def test_a_search_for_several_things_weighs_five(client, make_key):
    key, sent = make_key(per_minute=6)

    def ask(**fields):
        image = SimpleUploadedFile("a.png", picture("red"))
        return client.post(reverse("search"), {"image": image, **fields}, headers=sent).status_code

    assert ask(objects="auto") == 503  # There is no space.
    assert ask(objects="auto") == 429
    assert [ask(), ask()] == [503, 429]  # What was refused weighs nothing.
    assert key.per_minute == 6


def test_without_redis_requests_with_keys_are_answered_and_counted_here(client, make_key, monkeypatch):
    from access import rates

    monkeypatch.setattr(rates, "_paused_until", float("inf"))
    _, sent = make_key("sk", scopes=["read"], per_minute=2)
    assert statuses(client, sent, 3) == [200, 200, 429]


def test_a_basket_gives_back_no_more_than_it_took(client, make_key, settings):
    def ask(headers):
        return client.post("/api/v1/baskets/", BASKET, content_type="application/json", headers=headers).status_code

    _, sent = make_key("sk", scopes=["search", "read"], per_minute=3)
    assert [ask(sent), *statuses(client, sent, 3), ask(sent)] == [200, 200, 200, 429, 429]

    settings.SEARCH_THROTTLE = "3/min"
    similar = "/api/v1/products/BED-009/similar/"
    assert [ask({}), *(client.get(similar).status_code for _ in range(3))] == [200, 404, 404, 429]


def test_what_is_refused_for_its_weight_is_a_refusal_and_no_request_of_the_month(client, make_key, settings):
    key, sent = make_key(per_minute=6)
    assert [search_for_things(client, sent) for _ in range(3)] == [503, 429, 429]
    assert told(key) == usage.Usage(today=1, month=1, refusals=2)

    settings.SEARCH_THROTTLE = "6/min"
    other, sent = make_key()
    Rate(6, 60).forget("search:127.0.0.1")
    assert [search_for_things(client, sent) for _ in range(3)] == [503, 429, 429]
    assert told(other) == usage.Usage(today=1, month=1, refusals=2)


def test_a_month_that_is_used_up_stays_so_while_redis_is_away(client, make_key, monkeypatch):
    from access import rates

    _, sent = make_key("sk", scopes=["read"], per_month=5)
    monkeypatch.setattr(rates, "_paused_until", float("inf"))
    assert statuses(client, sent, 1) == [200]
    monkeypatch.setattr(rates, "_paused_until", 0.0)
    assert statuses(client, sent, 6) == [200] * 5 + [429]
    usage.write()
    usage._written.cache.clear()  # A minute later.
    monkeypatch.setattr(rates, "_paused_until", float("inf"))
    assert statuses(client, sent, 2) == [429, 429]
