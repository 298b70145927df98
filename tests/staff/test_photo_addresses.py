"""Web addresses of photos in the admin."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from catalog.importing import jobs
from catalog.importing.importer import import_rows
from catalog.importing.rows import ProductRow
from catalog.models import Import, PhotoAddress, Product
from catalog.photo_addresses import bell
from staff.roles import EDITORS

LIST = "/admin/catalog/photoaddress/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def editor(db) -> Client:
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name=EDITORS))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def addresses(media) -> list[PhotoAddress]:
    urls = [f"https://me:secret-7@shop.example/{name}.jpg?sig=secret-7" for name in "abc"]
    list(import_rows([ProductRow(sku, sku, sku, "Chair", addresses=tuple(urls)) for sku in ("CH-1", "LAMP-1")]))
    PhotoAddress.objects.filter(url=urls[0]).update(state="failed", reason="The server answered with 404.", attempts=1)
    PhotoAddress.objects.filter(url=urls[1]).update(state="fetched", etag='"1"', sha256="0" * 64)
    return list(PhotoAddress.objects.order_by("pk"))


def shown(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_says_which_failed_and_why_and_shows_no_password(editor, addresses):
    page = shown(editor, LIST)
    assert page.count("https://…@shop.example/a.jpg?…") == 2
    assert page.count("The server answered with 404.") == 2
    assert "secret-7" not in page
    assert shown(editor, f"{LIST}?state__exact=failed").count("@shop.example/") == 2
    assert shown(editor, f"{LIST}?q=LAMP").count("@shop.example/") == 3
    assert "secret-7" not in shown(editor, reverse("admin:catalog_photoaddress_change", args=[addresses[0].pk]))


def test_what_is_selected_is_tried_again_from_the_start(editor, addresses):
    rung = []
    listener = lambda **_: rung.append(1)  # noqa: E731  a signal keeps no other for a test
    bell.due.connect(listener)
    selected = [address.pk for address in addresses[:2]]
    answer = editor.post(LIST, {"action": "try_again", "_selected_action": selected}, follow=True)
    assert "2 addresses are asked again." in answer.content.decode()
    again = PhotoAddress.objects.filter(pk__in=selected)
    assert {(row.state, row.attempts, row.reason, row.sha256) for row in again} == {("waiting", 0, "", "")}
    assert rung == [1]


def test_who_may_not_change_products_tries_nothing_again(addresses, django_user_model):
    user = django_user_model.objects.create_user("ann", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get(LIST).status_code == 403
    client.post(LIST, {"action": "try_again", "_selected_action": [addresses[0].pk]})
    assert PhotoAddress.objects.filter(state="failed").count() == 2


def test_a_products_page_tells_of_its_addresses_and_leads_to_them(admin_client, addresses, space):
    product = Product.objects.get(sku="CH-1")
    page = shown(admin_client, reverse("admin:catalog_product_change", args=[product.pk]))
    link = f"{LIST}?product__id__exact={product.pk}"
    assert f'href="{link}">1 waiting, 1 fetched, 1 failed</a>' in page
    assert shown(admin_client, link).count("@shop.example/") == 3


def test_an_imports_page_tells_of_the_addresses_of_its_products(admin_client, addresses, settings, tmp_path):
    settings.IMPORTS_ROOT = tmp_path
    sent = Import.objects.create(state="done", dry_run=False, done=1, total=1, unit="line")
    jobs.record(sent, [])
    page = reverse("admin:catalog_import_change", args=[sent.pk])
    assert "Photos at web addresses" not in shown(admin_client, page)
    sent.rows.create(number=0, place="2", sku="CH-1", outcome="added", text="")
    link = f"{LIST}?import={sent.pk}"
    assert f'href="{link}">1 waiting, 1 fetched, 1 failed</a>.' in shown(admin_client, page)
    assert shown(admin_client, link).count("@shop.example/") == 3
    for damaged in ("x%00", "9" * 18, "9" * 30, "9" * 5000, "%D9%A3", "-1"):
        assert admin_client.get(f"{LIST}?import={damaged}").status_code in (200, 302)
        assert admin_client.get(f"{LIST}?product__id__exact={damaged}").status_code in (200, 302)
