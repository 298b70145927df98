"""What a catalogue editor may do, and nothing else."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.urls import reverse

from catalog.models import Product
from staff.roles import EDITORS, ROLES, grant

pytestmark = pytest.mark.django_db
OPEN = {model for models in ROLES[EDITORS].values() for model in models}


def test_an_editor_works_on_products_and_finds_everything_else_closed(editor, photo):
    made = photo("red").product
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        expected = 200 if f"view_{model._meta.model_name}" in OPEN else 403
        assert editor.get(reverse(f"admin:{name}_changelist")).status_code == expected, name
    for address in ("/admin/try/", "/admin/search/", "/admin/auth/"):
        assert editor.get(address).status_code in (403, 404), address
    assert editor.get(reverse("admin:catalog_product_change", args=[made.pk])).status_code == 200
    assert editor.get(reverse("admin:catalog_product_add")).status_code == 200
    assert editor.post(reverse("admin:catalog_product_delete", args=[made.pk]), {"post": "yes"}).status_code == 302
    assert not Product.objects.exists()


def test_an_editor_adds_photos_and_sees_only_open_pages_in_the_navigation(editor, product):
    page = editor.get(reverse("admin:catalog_product_change", args=[product().pk])).content.decode()
    assert 'name="new_photos"' in page
    assert 'href="/admin/catalog/product/"' in page
    assert 'href="/admin/search/space/"' not in page
    assert 'href="/admin/auth/user/"' not in page


def test_migrating_again_gives_back_what_was_taken_and_leaves_what_was_added():
    group = Group.objects.get(name=EDITORS)
    group.permissions.remove(Permission.objects.get(codename="change_product"))
    group.permissions.add(Permission.objects.get(codename="view_category"))
    before = group.permissions.count()
    for app in apps.get_app_configs():
        grant(app, using="default")
    assert group.permissions.count() == before + 1
    assert Group.objects.count() == 1


@pytest.mark.parametrize("page", ["auth_user", "auth_group", "access_key", "authtoken_tokenproxy"])
def test_accounts_are_managed(admin_client, page):
    User.objects.create_user("eva")
    assert admin_client.get(reverse(f"admin:{page}_changelist")).status_code == 200
    assert admin_client.get(reverse(f"admin:{page}_add")).status_code == 200
