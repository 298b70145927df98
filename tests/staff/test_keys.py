"""Keys to the API in the admin: shown once, rotated, revoked, counted."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from access.models import Key, KeyDay, today
from access.secrets import prefix
from staff.keys import KeyForm

pytestmark = pytest.mark.django_db
ADD = reverse("admin:access_key_add")
LIST = reverse("admin:access_key_changelist")
PAGE = {
    "name": "web page",
    "kind": "pk",
    "scopes": ["search", "read"],
    "origins": "https://Shop.example/\nhttps://www.shop.example",
    "per_minute": 60,
    "per_month": 1000,
}
SECRET = re.compile(r"[ps]k_[0-9a-f]{10}_[\w-]{43}")
DIGITS = r'name="digits" value="(\w{10})"'


def found(pattern: str, page: str) -> str:
    [value] = re.findall(pattern, page)
    return value


def shown(answer) -> str:
    [secret] = SECRET.findall(answer.content.decode())
    return secret


def works(client, secret: str) -> bool:
    return client.get("/api/v1/products/", headers={"authorization": f"Bearer {secret}"}).status_code == 200


def test_a_key_is_made_and_shown_once(admin_client, client):
    answer = admin_client.post(ADD, PAGE)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    secret, key = shown(answer), Key.objects.get()
    assert works(client, secret)
    assert key.origins == ["https://shop.example", "https://www.shop.example"]
    assert key.created_by == User.objects.get(username="admin")
    for address in (LIST, reverse("admin:access_key_change", args=[key.pk])):
        page = admin_client.get(address).content.decode()
        assert key.prefix in page
        assert not SECRET.search(page)
        assert key.digest not in page


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"scopes": ["search", "catalog.write"]}, "A publishable key cannot have catalog.write"),
        ({"scopes": []}, "This field is required."),
        ({"scopes": ["all"]}, "all is not one of the available choices"),
        ({"origins": ""}, "A publishable key needs the origins"),
        ({"origins": "shop.example"}, "“shop.example” is no origin. Write scheme and name"),
        ({"kind": "sk"}, "A secret key has no origins"),
        ({"per_minute": 0}, "greater than or equal to 1"),
        ({"per_month": 10**12}, "less than or equal to 2147483647"),
    ],
)
def test_a_key_that_could_not_be_is_refused_with_the_cure(admin_client, given, told):
    answer = admin_client.post(ADD, {**PAGE, **given})
    assert told in answer.content.decode()
    assert not Key.objects.exists()


def test_origins_and_quotas_are_changed_and_the_kind_is_not(admin_client):
    admin_client.post(ADD, PAGE)
    key = Key.objects.get()
    address = reverse("admin:access_key_change", args=[key.pk])
    changed = {**PAGE, "kind": "sk", "origins": "https://new.example", "per_minute": 5}
    assert admin_client.post(address, changed).status_code == 302
    key.refresh_from_db()
    assert (key.kind, key.origins, key.per_minute) == ("pk", ["https://new.example"], 5)


def test_a_key_is_rotated_and_revoked_and_never_deleted(admin_client, client):
    first = shown(admin_client.post(ADD, PAGE))
    key = Key.objects.get()
    verbs = ("rotate", "revoke", "delete")
    rotate, revoke, delete = (reverse(f"admin:access_key_{verb}", args=[key.pk]) for verb in verbs)
    second = shown(admin_client.post(rotate, {"prefix": key.prefix}))
    assert [works(client, first), works(client, second)] == [True, True]
    assert admin_client.get(revoke).status_code == 405
    assert admin_client.post(revoke).status_code == 302
    assert [works(client, first), works(client, second)] == [False, False]
    assert "revoked already" in admin_client.post(rotate, follow=True).content.decode()
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    assert "Rotate" not in admin_client.get(reverse("admin:access_key_change", args=[key.pk])).content.decode()


def test_a_key_is_not_rotated_twice_within_the_grace(admin_client, client):
    first = shown(admin_client.post(ADD, PAGE))
    key = Key.objects.get()
    rotate = reverse("admin:access_key_rotate", args=[key.pk])
    shown_prefix = found(r'name="prefix" value="(pk_\w+)"', change_page(admin_client, key))
    second = shown(admin_client.post(rotate, {"prefix": shown_prefix}))
    new = Key.objects.get().prefix
    for seen, told in (
        (shown_prefix, f"{shown_prefix} was rotated already: it is {new} now"),
        (new, "the former secret works until"),
        ("", "was rotated already"),
    ):
        answer = admin_client.post(rotate, {"prefix": seen}, follow=True)
        assert told in answer.content.decode()
        assert not SECRET.search(answer.content.decode())
    assert [works(client, first), works(client, second)] == [True, True]


def test_a_stolen_secret_is_ended_at_once_and_the_key_goes_on(admin_client, client):
    first = shown(admin_client.post(ADD, PAGE))
    key = Key.objects.get()
    rotate = reverse("admin:access_key_rotate", args=[key.pk])
    second = shown(admin_client.post(rotate, {"prefix": key.prefix}))
    third = shown(admin_client.post(rotate, {"prefix": Key.objects.get().prefix, "at_once": "1"}))
    assert [works(client, one) for one in (first, second, third)] == [False, False, True]


def test_the_page_that_made_a_key_makes_no_other_when_it_is_sent_again(admin_client):
    digits = found(DIGITS, admin_client.get(ADD).content.decode())
    sent = {**PAGE, "digits": digits}
    assert prefix(shown(admin_client.post(ADD, sent))) == f"pk_{digits}"
    again = admin_client.post(ADD, sent).content.decode()
    assert f"This page made the key web page (pk_{digits}) already." in again
    assert Key.objects.count() == 1
    assert not SECRET.search(again)


def test_nor_when_it_is_sent_twice_at_once(admin_client, monkeypatch):
    digits = found(DIGITS, admin_client.get(ADD).content.decode())
    admin_client.post(ADD, {**PAGE, "digits": digits})
    monkeypatch.setattr(KeyForm, "clean", lambda form: form.cleaned_data)  # It was asked before the other was made.
    answer = admin_client.post(ADD, {**PAGE, "digits": digits}, follow=True)
    assert f"(pk_{digits}) already." in answer.content.decode()
    assert Key.objects.count() == 1


def secret_key(scope: str) -> Key:
    key = Key(name=scope, kind="sk", scopes=[scope])
    key.renew()
    key.save()
    return key


def test_nobody_gives_a_key_what_they_may_not_do_themselves(client):
    writer, reader = secret_key("catalog.write"), secret_key("read")
    user = User.objects.create_user("ann", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="access"))
    client.force_login(user)
    told = "You may not give catalog.write"
    rotate = reverse("admin:access_key_rotate", args=[writer.pk])
    assert told in client.post(rotate, {"prefix": writer.prefix}, follow=True).content.decode()
    change = reverse("admin:access_key_change", args=[reader.pk])
    secret = {**PAGE, "kind": "sk", "origins": "", "scopes": ["read", "catalog.write"]}
    assert told in client.post(change, secret).content.decode()
    assert told in client.post(ADD, secret).content.decode()
    assert Key.objects.count() == 2

    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="catalog"))
    assert client.post(change, secret).status_code == 302
    reader.refresh_from_db()
    assert reader.scopes == ["read", "catalog.write"]
    assert shown(client.post(rotate, {"prefix": writer.prefix}))


def change_page(client, key) -> str:
    return client.get(reverse("admin:access_key_change", args=[key.pk])).content.decode()


def test_the_page_of_a_key_tells_how_often_it_was_used(admin_client):
    admin_client.post(ADD, PAGE)
    KeyDay.objects.create(key=Key.objects.get(), day=today(), requests=234, refusals=17)
    for address in (LIST, reverse("admin:access_key_change", args=[Key.objects.get().pk])):
        page = admin_client.get(address).content.decode()
        assert "234 of 1,000" in page
        assert "17" in page


def test_who_may_not_see_keys_sees_none(editor):
    assert editor.get(LIST).status_code == 403
    assert editor.post(reverse("admin:access_key_rotate", args=[1])).status_code == 403
    assert "API keys" not in editor.get(reverse("admin:index")).content.decode()
