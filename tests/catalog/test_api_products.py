import time
from decimal import Decimal
from threading import Thread

import pytest
from django.db import connection, transaction

from catalog.models import Category, Photo, Product
from tests.api_answers import errors, invalid, not_found, skus, unreadable

URL = "/api/v1/products/"
JSON = "application/json"

pytestmark = pytest.mark.django_db


@pytest.fixture
def body(category):
    category("chair")
    return {"sku": "001.024.52", "name": "Oak chair", "category": "chair"}


def test_a_product_is_created_with_all_its_fields(editor, body):
    told = {
        **body,
        "description": "Solid oak.",
        "price": "129.50",
        "currency": "USD",
        "in_stock": False,
        "url": "https://shop.example/oak",
        "attributes": {"color": "Oak", "width": 48, "new": True},
    }
    answer = editor.post(URL, told, JSON)
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in told} == told
    assert answer.json()["photos"] == []
    assert Product.objects.get().price == Decimal("129.50")


def test_what_is_not_told_has_a_default(editor, body):
    answer = editor.post(URL, body, JSON).json()
    told = {name: answer[name] for name in ("description", "price", "currency", "in_stock", "url", "attributes")}
    assert told == {
        "description": "",
        "price": None,
        "currency": "EUR",
        "in_stock": True,
        "url": "",
        "attributes": {},
    }


def test_a_sku_with_dots_is_an_address(client, product):
    product("chair", sku="001.024.52", name="Oak chair")
    answer = client.get(f"{URL}001.024.52/")
    assert (answer.status_code, answer.json()["name"], answer.json()["category"]) == (200, "Oak chair", "chair")


@pytest.mark.parametrize("sku", ["стул-1", "a:b@c~d+e"])
def test_a_sku_with_unusual_signs_is_an_address(client, product, sku):
    product(sku=sku)
    assert client.get(f"{URL}{sku}/").json()["sku"] == sku


def test_a_product_shows_its_photos_in_order(client, photo):
    first = photo("red", sku="CH-1")
    second = photo("blue", of=first.product)
    photos = client.get(f"{URL}CH-1/").json()["photos"]
    assert [shown["id"] for shown in photos] == [first.id, second.id]
    assert photos[0] == {
        "id": first.id,
        "file": f"http://testserver/media/{first.file.name}",
        "sha256": first.sha256,
        "width": 64,
        "height": 64,
        "position": 0,
        "created_at": photos[0]["created_at"],
    }


def test_a_product_is_changed_in_part_or_replaced(editor, body, photo, category):
    category("stool")
    photo("red", "chair", sku="CH-1", price=10, attributes={"color": "Oak"})
    changed = editor.patch(f"{URL}CH-1/", {"price": "9.99", "category": "stool"}, JSON)
    assert changed.status_code == 200
    assert (changed.json()["price"], changed.json()["category"]) == ("9.99", "stool")
    assert changed.json()["attributes"] == {"color": "Oak"}
    replaced = editor.put(f"{URL}CH-1/", body, JSON)
    assert (replaced.status_code, replaced.json()["sku"]) == (200, "001.024.52")
    assert len(replaced.json()["photos"]) == 1


def test_a_deleted_product_is_gone_with_its_photos(editor, photo):
    photo("red", sku="CH-1")
    assert editor.delete(f"{URL}CH-1/").status_code == 204
    assert errors(editor.get(f"{URL}CH-1/")) == not_found()
    assert Photo.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"sku": "a/b"}, invalid("sku", "invalid_sku")),
        ({"sku": ""}, invalid("sku", "blank")),
        ({"sku": "taken"}, invalid("sku", "unique")),
        ({"name": None}, invalid("name", "null")),
        ({"name": "\ud800"}, invalid("name", "surrogate_characters_not_allowed")),
        ({"category": "nowhere"}, invalid("category", "does_not_exist")),
        ({"category": "a\x00b"}, invalid("category", "invalid")),
        ({"category": "\ud800"}, invalid("category", "invalid")),
        ({"category": {"slug": "chair"}}, invalid("category", "does_not_exist")),
        ({"price": "NaN"}, invalid("price", "invalid")),
        ({"price": "Infinity"}, invalid("price", "invalid")),
        ({"price": "-1"}, invalid("price", "min_value")),
        ({"price": 10**30}, invalid("price", "max_digits")),
        ({"price": "1e999999"}, invalid("price", "max_digits")),
        ({"price": "1.999"}, invalid("price", "max_decimal_places")),
        ({"currency": "eur"}, invalid("currency", "invalid_currency")),
        ({"in_stock": "perhaps"}, invalid("in_stock", "invalid")),
        ({"url": "javascript:alert(1)"}, invalid("url", "invalid")),
        ({"description": "x" * 20_001}, invalid("description", "max_length")),
        ({"attributes": ["Oak"]}, invalid("attributes", "invalid")),
        ({"attributes": {"a\x00": "Oak"}}, invalid("attributes", "invalid")),
        ({"attributes": {"color": "\x00"}}, invalid("attributes", "invalid")),
        ({"attributes": {"color": "\ud800"}}, invalid("attributes", "invalid")),
        ({"attributes": {"size": {"width": 1}}}, invalid("attributes", "invalid")),
        ({"attributes": None}, invalid("attributes", "null")),
    ],
)
def test_what_is_no_product_is_refused_by_field(editor, body, product, change, refusal):
    product(sku="taken")
    assert errors(editor.post(URL, {**body, **change}, JSON)) == refusal


@pytest.mark.parametrize(
    "text",
    ["{", '{"price": NaN}', '{"price": 1e', "[" * 100_000, '{"price": ' + "1" * 5000 + "}", b"\xff\xfe"],
)
def test_what_is_no_json_is_refused(editor, text):
    assert errors(editor.post(URL, text, JSON)) == unreadable()


def test_an_infinite_number_in_json_is_refused(editor, body):
    text = '{"sku": "a", "name": "a", "category": "chair", "attributes": {"width": 1e999}}'
    assert errors(editor.post(URL, text, JSON)) == invalid("attributes", "invalid")


def test_a_form_is_refused_with_a_reason(editor):
    assert errors(editor.post(URL, {"sku": "a"})) == (415, "client_error", [(None, "unsupported_media_type")])


@pytest.mark.parametrize("sku", ["nowhere", "%ED%A0%80", "..%2F", "x" * 300, "a%0A"])
def test_an_unknown_product_is_not_found(client, sku):
    answer = client.get(f"{URL}{sku}/")
    assert answer.status_code == 404


@pytest.mark.parametrize("sku", ["%00", "a%00b"])
def test_a_sku_that_no_database_could_hold_is_refused(editor, sku):
    assert errors(editor.get(f"{URL}{sku}/")) == unreadable()
    assert errors(editor.patch(f"{URL}{sku}/", {"name": "Late"}, JSON)) == unreadable()


def test_products_are_listed_in_pages_by_name_then_sku(client, product):
    for number in range(25):
        product(sku=f"S-{number:02}", name="Same name")
    first = client.get(URL)
    assert skus(first) == [f"S-{number:02}" for number in range(20)]
    assert first.json()["count"] == 25
    assert first.json()["previous"] is None
    assert skus(client.get(first.json()["next"])) == [f"S-{number:02}" for number in range(20, 25)]
    assert skus(client.get(URL, {"page_size": 2, "page": 3})) == ["S-04", "S-05"]
    assert len(skus(client.get(URL, {"page_size": 1000}))) == 25


@pytest.mark.parametrize("page", ["0", "-1", "2", "x", "\x00", "9" * 30, "9" * 5000])
def test_a_page_that_is_not_there_is_not_found(client, product, page):
    product()
    assert errors(client.get(URL, {"page": page})) == not_found()


@pytest.mark.parametrize("page_size", ["0", "-1", "x", "\x00", "9" * 5000, ""])
def test_an_odd_page_size_is_passed_over(client, product, page_size):
    product(sku="only")
    assert skus(client.get(URL, {"page_size": page_size})) == ["only"]


def test_a_list_takes_the_same_number_of_queries_whatever_its_length(client, photo, django_assert_num_queries):
    for number in range(6):
        made = photo("red", f"category-{number}")
        photo("blue", of=made.product)
    for page_size in (1, 6):
        with django_assert_num_queries(4):  # count, products with their categories, photos, numbers
            assert len(skus(client.get(URL, {"page_size": page_size}))) == page_size


def wait_for_a_lock():
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
            time.sleep(0.01)
    raise AssertionError("the request did not wait")


@pytest.fixture
def meanwhile(transactional_db):
    """Answers a request that comes on another connection while this one has done `act` and not yet committed."""

    def race(request, act):
        answers = []

        def send():
            try:
                answers.append(request())
            finally:
                connection.close()

        thread = Thread(target=send)
        with transaction.atomic():
            act()
            thread.start()
            wait_for_a_lock()
        thread.join()
        return answers[0]

    return race


def test_two_changes_at_once_are_both_kept(editor, product, category, meanwhile):
    made, sofa = product("chair", sku="CH-1", name="Oak chair", price=10), category("sofa")

    def move():
        Product.objects.filter(pk=made.pk).update(name="Oak sofa", category=sofa)

    answer = meanwhile(lambda: editor.patch(f"{URL}CH-1/", {"price": "9.99"}, JSON), move)
    assert answer.status_code == 200
    told = {name: answer.json()[name] for name in ("name", "category", "price")}
    assert told == {"name": "Oak sofa", "category": "sofa", "price": "9.99"}
    made.refresh_from_db()
    assert (made.name, made.category, made.price) == ("Oak sofa", sofa, Decimal("9.99"))


@pytest.mark.parametrize("address", ["products/CH-1/", "categories/chair/"])
def test_what_is_deleted_meanwhile_stays_deleted(editor, product, meanwhile, address):
    made = product("chair", sku="CH-1")

    def delete():
        made.delete()
        made.category.delete()

    answer = meanwhile(lambda: editor.patch(f"/api/v1/{address}", {"name": "Late"}, JSON), delete)
    assert errors(answer) == not_found()
    assert Product.objects.count() == Category.objects.count() == 0


def test_a_caption_is_told_and_nobody_can_write_it(editor, client, body):
    answer = editor.post(URL, {**body, "caption": "Mine.", "caption_source": "me"}, JSON)
    assert answer.status_code == 201
    assert (answer.json()["caption"], answer.json()["caption_source"]) == ("", "")
    Product.objects.update(caption="A chair of pale wood.", caption_source="small-vision")
    for verb in (editor.put, editor.patch):
        assert verb(f"{URL}{body['sku']}/", {**body, "caption": "Mine."}, JSON).status_code == 200
    [told] = client.get(URL).json()["results"]
    assert (told["caption"], told["caption_source"]) == ("A chair of pale wood.", "small-vision")


def test_a_caption_s_words_are_found(client, product):
    product("chair", sku="CH-1", caption="A chair of pale wood.")
    assert skus(client.get(f"{URL}?q=pale")) == ["CH-1"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_write_without_the_last_slash_stays_a_write(editor, body, settings, debug):
    settings.DEBUG = debug
    answer = editor.post(URL.rstrip("/"), body, JSON)
    assert (answer.status_code, answer.headers["Location"]) == (308, URL)
    assert editor.post(URL.rstrip("/"), body, JSON, follow=True).status_code == 201
    place = f"{URL}{body['sku']}"
    assert editor.patch(place, {"name": "Pine"}, JSON, follow=True).json()["name"] == "Pine"
    assert editor.delete(place, follow=True).status_code == 204


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("category=&attributes=&in_stock=&price_min=&ordering=", ["A", "B"]),
        ("category=bed, chair", ["A", "B"]),
        ("category= bed &category=", ["B"]),
        ("category=bed,chair&ordering=-name, sku", ["A", "B"]),
        ("attributes=color : Oak ", ["A"]),
        ("attributes=color:Oak&attributes=", ["A"]),
        ("in_stock=y", ["A", "B"]),
        ("in_stock= Off ", []),
    ],
)
def test_blanks_around_values_and_fields_left_blank_say_nothing(client, product, query, found):
    product("chair", sku="A", name="Oak", attributes={"color": "Oak"})
    product("bed", sku="B", name="Bed")
    for address in (f"{URL}?", "/api/v1/search/text/?q=bed OR oak&mode=words&"):
        answer = client.get(address + query)
        assert answer.status_code == 200, answer.json()
        assert sorted(hit.get("product", hit)["sku"] for hit in answer.json()["results"]) == found
