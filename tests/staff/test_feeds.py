"""Feeds in the admin: who may do what, what their pages tell, and what they never show."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from catalog.feeds import runs
from catalog.feeds.models import Feed
from catalog.importing import jobs
from catalog.models import Product
from tests.fed_shop import numbered, table

pytestmark = pytest.mark.django_db
LIST, ADD = "/admin/catalog/feed/", "/admin/catalog/feed/add/"
FORM = {
    "name": "Oak & Co",
    "address": "https://me:hush@oak.example/feed.xml?token=hush",
    "format": "",
    "every": "60",
    "is_on": "on",
    "gone": "sold_out",
    "brake": "20",
}


def page(feed):
    return f"/admin/catalog/feed/{feed.pk}/change/"


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.fixture
def with_permissions(db):
    def make(*codenames):
        user = User.objects.create_user("vera", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="catalog", codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return make


def test_an_editor_makes_a_feed_whose_secrets_nobody_sees_again(editor):
    assert editor.post(ADD, FORM).status_code == 302
    feed = Feed.objects.get()
    assert feed.address == FORM["address"]
    for shown in (text(editor.get(page(feed))), text(editor.get(LIST)), text(editor.get("/admin/"))):
        assert "hush" not in shown
    assert 'value="https://…@oak.example/feed.xml?…"' in text(editor.get(page(feed)))
    assert "https://…@oak.example/feed.xml?…" in text(editor.get(LIST))


def test_what_is_shown_of_an_address_keeps_it_and_another_replaces_it(editor):
    editor.post(ADD, FORM)
    Feed.objects.update(etag='"1"')
    feed = Feed.objects.get()
    same = {**FORM, "address": feed.shown_address, "every": "1440"}
    assert editor.post(page(feed), same).status_code == 302
    feed.refresh_from_db()
    assert (feed.address, feed.every, feed.etag) == (FORM["address"], 1440, '"1"')
    half = text(editor.post(page(feed), {**FORM, "address": "https://…@oak.example/feed.csv"}))
    assert "Write the whole address" in half
    assert editor.post(page(feed), {**FORM, "address": "https://oak.example/feed.csv"}).status_code == 302
    feed.refresh_from_db()
    assert (feed.address, feed.etag) == ("https://oak.example/feed.csv", "")


@pytest.mark.parametrize(
    ("field", "given", "why"),
    [
        ("address", "oak.example/feed.xml", "starts with https://"),
        ("address", "http://oak.example/feed.xml", "FETCH_HTTP"),
        ("address", "", "This field is required."),
        ("address", "https://oak.example/" + "x" * 2_000, "at most 2000 characters"),
        ("brake", "0", "greater than or equal to 1"),
        ("brake", "101", "less than or equal to 100"),
        ("every", "1", "Select a valid choice."),
        ("format", "excel", "Select a valid choice."),
        ("gone", "burn", "Select a valid choice."),
        ("name", "", "This field is required."),
    ],
)
def test_what_cannot_be_is_an_error_of_its_field(editor, field, given, why):
    response = editor.post(ADD, {**FORM, field: given})
    assert why in str(response.context["adminform"].form.errors[field])
    assert not Feed.objects.exists()


def test_a_feed_is_run_and_checked_by_its_buttons_one_at_a_time(editor, fed):
    oak = fed(is_on=False)
    oak.has(table("CH-1"))
    for what in ("check", "run"):
        answer = editor.post(f"/admin/catalog/feed/{oak.feed.pk}/{what}/", follow=True)
        assert "is read as soon as a worker is free" in text(answer)
        runs.work(60)
        assert "is being read or imported already" in text(
            editor.post(f"/admin/catalog/feed/{oak.feed.pk}/run/", follow=True)
        )
        jobs.work(60)
        shown = text(editor.get(page(oak.feed)))
        assert ("Imported" in shown) is (what == "run")
        assert f"/admin/catalog/import/{oak.last.pk}/change/" in shown
    assert "1 product in it." in shown
    assert "There is no such feed any more." in text(editor.post("/admin/catalog/feed/9999/run/", follow=True))


def test_a_run_that_waits_says_why_and_is_confirmed_on_its_page(editor, fed):
    oak = fed()
    oak.runs(table(*numbered(10)))
    oak.runs(table(*numbered(4)))
    why = "6 of the 10 products that the feed had (60 %) are not in the file any more. The brake is set to 20 %."
    assert f'Waits for you</h2> <p class="lamp-errors">{why}' in text(editor.get(page(oak.feed)))
    assert f"Waits for you: {why}" in text(editor.get("/admin/"))
    assert "waits for you" in text(editor.get(LIST))
    address = f"/admin/catalog/import/{oak.last.pk}/"
    shown = text(editor.get(f"{address}change/?outcome=gone"))
    for told in (
        "Waits for you",
        why,
        "gone, to sell out",
        "Chair CH-9: would be sold out",
        "Nothing has been written so far",
    ):
        assert told in shown
    editor.post(f"{address}start/")
    jobs.work(60)
    shown = text(editor.get(f"{address}change/?outcome=gone"))
    for told in ("Imported", '<strong data-count="gone">6</strong> <span>gone, sold out', "Chair CH-9: sold out"):
        assert told in shown
    assert Product.objects.filter(in_stock=False).count() == 6
    assert "4 unchanged, 6 gone, sold out" in text(editor.get(page(oak.feed)))
    assert "its feed" in text(editor.get("/admin/catalog/import/"))


def test_a_feed_that_fails_says_why_and_how_often(editor, fed):
    oak = fed()
    for _ in range(2):
        oak.has(b"", 404)
        runs.work(60)
        Feed.objects.update(next_run=oak.feed.created_at)
    shown = text(editor.get(page(oak.feed)))
    assert "Failed, 2 times in a row" in shown
    assert "The server answered with 404." in shown
    assert "Failed: The server answered with 404." in text(editor.get("/admin/"))


def test_a_feed_is_deleted_and_its_products_stay(editor, fed):
    oak = fed()
    oak.runs(table("CH-1"))
    asked = text(editor.get(f"/admin/catalog/feed/{oak.feed.pk}/delete/"))
    assert "CH-1" not in asked
    editor.post(f"/admin/catalog/feed/{oak.feed.pk}/delete/", {"post": "yes"})
    assert (Feed.objects.count(), Product.objects.count()) == (0, 1)


def test_who_may_only_look_may_not_act(with_permissions, fed):
    oak = fed()
    vera = with_permissions("view_feed")
    shown = text(vera.get(page(oak.feed)))
    assert "Run now" not in shown
    for what in ("run", "check"):
        assert vera.post(f"/admin/catalog/feed/{oak.feed.pk}/{what}/").status_code == 403
        assert vera.get(f"/admin/catalog/feed/{oak.feed.pk}/{what}/").status_code == 405
    assert vera.get(ADD).status_code == 403
    oak.feed.refresh_from_db()
    assert oak.feed.asked == ""


def test_who_may_see_no_feeds_is_not_told_of_them(with_permissions, fed):
    oak = fed()
    ida = with_permissions("add_import")
    oak.runs(table("CH-1"))
    assert ida.get(LIST).status_code == 403
    assert "/admin/catalog/feed/" not in text(ida.get("/admin/"))
    shown = text(ida.get(f"/admin/catalog/import/{oak.last.pk}/change/"))
    assert "Feed oak" in shown
    assert "/admin/catalog/feed/" not in shown
