"""What no page shows, no page tells either: filters of lists by passwords, tokens and digests are refused."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from catalog.feeds.models import Feed

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"address|url|password|digest|etag|key|token|secret")
SHOWN = {("product", "text_digest"), ("product", "url")}  # They tell of what anybody sees in the shop.


def secret_columns():
    for model in admin.site._registry:
        for field in model._meta.concrete_fields:
            name = field.name
            if SECRET.search(name) and not field.is_relation and (model._meta.model_name, name) not in SHOWN:
                yield model, name


@pytest.mark.parametrize(
    "name", ["feed.address", "photoaddress.url", "key.digest", "key.former_digest", "user.password", "tokenproxy.key"]
)
def test_columns_that_hold_secrets_are_found(name):
    assert name in {f"{model._meta.model_name}.{column}" for model, column in secret_columns()}


def test_no_list_is_filtered_by_a_secret(admin_client):
    for model, column in secret_columns():
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for name in [column, *["pk"] * (column == model._meta.pk.name)]:
            for lookup in (name, f"{name}__startswith", f"{name}__regex", f"{name}__in"):
                assert admin_client.get(address, {lookup: "a"}).status_code == 400, (address, lookup)


def test_nor_by_that_of_what_it_belongs_to(admin_client):
    for address in (
        "/admin/catalog/import/?feed__address__startswith=a",
        "/admin/catalog/import/?created_by__password__startswith=a",
        "/admin/catalog/product/?photo_addresses__url__startswith=a",
        "/admin/catalog/feed/?imports__etag__startswith=a",
        "/admin/authtoken/tokenproxy/?user__password__startswith=a",
        "/admin/auth/user/?auth_token__key__startswith=a",
        "/admin/auth/user/?auth_token__pk__startswith=a",
        "/admin/auth/user/?auth_token__gt=a",
    ):
        assert admin_client.get(address).status_code == 400, address


@pytest.mark.parametrize("also", [[], ["delete_feed"]])
def test_who_may_only_look_at_a_feed_is_not_shown_its_secrets(also):
    feed = Feed.objects.create(name="oak", address="https://bob:hush-1@shop.example/feed.csv?token=hush-2")
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_feed", *also]))
    client = Client()
    client.force_login(user)
    for page in ("", f"{feed.pk}/change/", f"{feed.pk}/history/", *[f"{feed.pk}/delete/"] * len(also)):
        answer = client.get(f"/admin/catalog/feed/{page}")
        assert answer.status_code == 200
        assert "hush" not in answer.content.decode()
    assert "https://…@shop.example/feed.csv?…" in client.get(f"/admin/catalog/feed/{feed.pk}/change/").content.decode()
