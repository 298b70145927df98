import pytest

from catalog.models import Category
from tests.api_answers import errors, invalid, not_found, unreadable

URL = "/api/v1/categories/"
JSON = "application/json"

pytestmark = pytest.mark.django_db


def test_categories_are_listed_by_name_with_their_numbers_of_products(client, product, category):
    product("sofa")
    product("sofa")
    category("lamp")
    assert client.get(URL).json() == [
        {"slug": "lamp", "name": "Lamp", "product_count": 0},
        {"slug": "sofa", "name": "Sofa", "product_count": 2},
    ]


def test_listing_many_categories_takes_one_query(client, product, django_assert_num_queries):
    for slug in ("bed", "chair", "lamp", "sofa"):
        product(slug)
    with django_assert_num_queries(1):
        assert len(client.get(URL).json()) == 4


def test_a_category_is_created_read_changed_and_deleted(editor):
    created = editor.post(URL, {"slug": "sofa", "name": "Sofa"}, JSON)
    assert (created.status_code, created.json()) == (201, {"slug": "sofa", "name": "Sofa", "product_count": 0})
    changed = editor.patch(f"{URL}sofa/", {"name": "Sofas"}, JSON)
    assert (changed.status_code, changed.json()["name"]) == (200, "Sofas")
    replaced = editor.put(f"{URL}sofa/", {"slug": "möbel", "name": "Möbel"}, JSON)
    assert replaced.status_code == 200
    assert editor.get(f"{URL}möbel/").json() == {"slug": "möbel", "name": "Möbel", "product_count": 0}
    assert editor.delete(f"{URL}möbel/").status_code == 204
    assert Category.objects.count() == 0


def test_a_category_with_products_is_not_deleted(editor, product):
    product("sofa")
    answer = editor.delete(f"{URL}sofa/")
    assert errors(answer) == (409, "client_error", [(None, "category_in_use")])
    assert answer.json()["errors"][0]["detail"] == "Products are still in this category. Move or delete them first."
    assert Category.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"name": "?!"}, invalid("slug", "blank")),
        ({"name": "All"}, invalid("slug", "reserved")),
        ({"name": "Taken"}, invalid("slug", "unique")),
        ({"slug": "sofa"}, invalid("name", "required")),
        ({"slug": "a/b", "name": "Sofa"}, invalid("slug", "invalid")),
        ({"slug": "taken", "name": "Sofa"}, invalid("slug", "unique")),
        ({"slug": "all", "name": "Sofa"}, invalid("slug", "reserved")),
        ({"slug": "sofa", "name": "So\x00fa"}, invalid("name", "null_characters_not_allowed")),
        ({"slug": "sofa", "name": "x" * 101}, invalid("name", "max_length")),
        (["sofa"], invalid("non_field_errors", "invalid")),
    ],
)
def test_what_is_no_category_is_refused_by_field(editor, category, body, refusal):
    category("taken")
    assert errors(editor.post(URL, body, JSON)) == refusal


@pytest.mark.parametrize("slug", ["nowhere", "%ED%A0%80", "%F0", "x" * 300])
def test_an_unknown_category_is_not_found(client, slug):
    assert errors(client.get(f"{URL}{slug}/")) == not_found()


@pytest.mark.parametrize("slug", ["%00", "a%00b"])
def test_a_slug_that_no_database_could_hold_is_refused(client, slug):
    assert errors(client.get(f"{URL}{slug}/")) == unreadable()


def test_a_category_without_a_slug_gets_that_of_its_name(editor):
    answer = editor.post(URL, {"name": "Garden Lamp"}, JSON)
    assert (answer.status_code, answer.json()["slug"]) == (201, "garden-lamp")
