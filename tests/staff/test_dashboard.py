"""The front of the admin."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import F
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access.models import Key, KeyDay, today
from catalog.models import Import, Photo
from descriptions import server_rest
from descriptions.caption_leases import keep, put_off, take
from descriptions.captioning import shops_model
from descriptions.vision_model import Usage, Useless, Written
from search import head_training
from search.models import LeafIndex, Query, Rejection
from search.store import partitions
from staff.dashboard import IMPORTS, KEPT
from staff.roles import EDITORS
from tests.text_index import index_texts

pytestmark = pytest.mark.django_db
FRONT = reverse("admin:index")


def words(client) -> str:
    answer = client.get(FRONT)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def tile(name: str, number: str) -> str:
    return f'<span class="lamp-name">{name}</span> <span class="lamp-number">{number}</span>'


def test_a_shop_without_a_space_says_what_to_do(admin_client):
    page = words(admin_client)
    assert "There is no index yet." in page
    assert tile("Products", "0") in page


def test_an_empty_shop_looks_sane(admin_client, space):
    page = words(admin_client)
    assert "The shop is empty." in page
    assert tile("Pending", "0") in page
    assert tile("Searches today", "0") in page
    assert "Nobody has searched yet." in page
    assert "No head is trained yet" in page


def test_numbers_are_those_of_the_shop(admin_client, space, indexed_shop, photo):
    Photo.objects.update(created_at=F("created_at") - timedelta(hours=5))
    photo("red", "lamp")
    Photo.objects.filter(product__name="lamp 13").update(created_at=F("created_at") - timedelta(hours=3))
    Rejection.objects.create(space=space, photo=photo("green", "bed"), reason="damaged")
    for ms in (10, 30, 80):
        Query.objects.create(id=uuid4(), kind=Query.Kind.PHOTO, space=space, ms=ms, results=1)
    page = words(admin_client)
    assert tile("Products", "14") in page
    assert tile("Photos", "14") in page
    assert tile("Indexed", "12") in page
    assert tile("Pending", "1") in page
    assert "The oldest came 3 hours ago." in page
    assert tile("Rejected", "1") in page
    assert tile("Searches today", "3") in page
    assert "no more than 30 ms." in page
    assert 'http-equiv="refresh"' in page


def test_texts_that_wait_are_counted_until_they_are_indexed(admin_client, space, product, clock):
    product()
    assert tile("Texts pending", "1") in words(admin_client)
    index_texts()
    clock[0] += KEPT
    assert "Texts pending" not in words(admin_client)


def test_a_shop_that_has_settled_still_looks_for_what_comes(admin_client, space, indexed_shop, photo, clock):
    page = words(admin_client)
    assert tile("Pending", "0") in page
    assert 'http-equiv="refresh"' in page
    photo("red")
    clock[0] += KEPT
    assert tile("Pending", "1") in words(admin_client)


def test_the_live_space_tells_its_categories_and_its_size(admin_client, space, indexed_shop, category):
    LeafIndex.objects.create(space=space, category=category("lamp"), ef_search=40, recall=1, photos=6)
    page = words(admin_client)
    assert "<dd>2, 1 of them with an HNSW index</dd>" in page
    size = partitions.size(space)
    assert size.vectors > 0
    told = f"<dd>{filesizeformat(size.vectors)} of vectors, {filesizeformat(size.indexes)} of indexes</dd>"
    assert " ".join(told.split()) in page


def test_the_index_is_looked_at_every_ten_seconds(admin_client, space, photo, clock):
    photo("red")
    Photo.objects.update(created_at=F("created_at") - timedelta(hours=5))
    assert "The oldest came 5 hours ago." in words(admin_client)
    Photo.objects.update(created_at=F("created_at") - timedelta(hours=1))
    clock[0] += KEPT - 0.5
    assert "The oldest came 5 hours ago." in words(admin_client)
    clock[0] += 0.5
    assert "The oldest came 6 hours ago." in words(admin_client)


def test_the_head_is_shown_with_what_it_takes_for_what(admin_client, space, indexed_shop):
    head = head_training.train(space)
    assert head is not None
    page = words(admin_client)
    right = head.metrics["top1"]
    assert f'<strong class="lamp-number">{right:.1%}</strong> of held-out photos' in page
    assert '<th scope="col">Bed</th><th scope="col">Lamp</th>' in page
    head.metrics.pop("confusion")
    head.save()
    assert "trained before confusions were kept" in words(admin_client)


def test_the_last_imports_are_told_with_what_came_of_them(admin_client, space):
    for number in range(IMPORTS + 1):
        Import.objects.create(
            csv_name=f"shop-{number}.csv", state=Import.State.DONE, dry_run=False, added=1000 + number
        )
    page = words(admin_client)
    assert "shop-0.csv" not in page
    assert page.index("shop-5.csv") < page.index("shop-1.csv")
    assert "Done: 1,005 added, 0 changed, 0 refused." in page


def test_an_editor_sees_the_catalogue_and_nothing_of_the_search(space, indexed_shop):
    user = User.objects.create_user("eva", is_staff=True)
    user.groups.add(Group.objects.get(name=EDITORS))
    client = Client()
    client.force_login(user)
    page = words(client)
    assert "You may not open anything yet" not in page
    assert tile("Products", "12") in page
    assert "Nothing was imported here yet." in page
    assert "Live space" not in page
    assert "Searches today" not in page


def test_who_may_do_nothing_is_told_so(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("ned", is_staff=True))
    assert "You may not open anything yet" in words(client)


def test_without_a_model_captions_are_no_matter(admin_client, space, photo):
    photo("red")
    assert "Captions" not in words(admin_client)


def test_captions_are_told_with_what_they_took_and_why_one_is_missing(admin_client, space, photo, settings, clock):
    settings.CAPTION_URL, settings.CAPTION_MODEL, settings.CAPTION_KEY = "http://x.example/v1", "vision-7b", "secret-9"
    for shade in range(3):
        photo((9 * shade, 99, 9))
    model = shops_model()
    assert model is not None
    made, failed = take(model.fingerprint, 2)
    keep(made, model, Written("A lamp.", Usage(1_900, 40)))
    put_off(failed, Useless("The model wrote no <word>."))
    page = words(admin_client)
    assert '<strong class="lamp-number">1</strong> of 3 products with photos have a caption by vision-7b.' in page
    assert "1 pending, 1 being made or tried again later, 0 given up." in page
    assert "2 requests so far, 1 of them failed: 1,900 tokens read, 40 written." in page
    assert "The last failure: The model wrote no &lt;word&gt;." in page
    assert "secret-9" not in page
    server_rest.begin("The server answered with 401.")
    clock[0] += KEPT
    page = words(admin_client)
    server_rest.end()
    assert re.search(r"The server is left alone until \d\d:\d\d \(UTC\)\. The server answered with 401\.", page)


def test_the_use_of_keys_is_told_and_the_most_used_comes_first(admin_client, client, django_user_model):
    assert "A page on another host needs one." in words(admin_client)

    def made(name: str, **fields: object) -> Key:
        key = Key(name=name, kind="sk", scopes=["read"], per_month=10_000, **fields)
        key.renew()
        key.save()
        return key

    shop, quiet, revoked = made("Shop page"), made("Quiet page"), made("Old page", revoked_at=timezone.now())
    KeyDay.objects.create(key=shop, day=today(), requests=2_345, refusals=17)
    KeyDay.objects.create(key=revoked, day=today(), requests=9_999)
    page = words(admin_client)
    assert "2,345 requests today, 2,345 this month (23% of its quota), 17 refused." in page
    assert page.index(shop.name) < page.index(quiet.name)
    assert revoked.name not in page
    client.force_login(django_user_model.objects.create_user("ned", is_staff=True))
    assert "Shop page" not in words(client)
