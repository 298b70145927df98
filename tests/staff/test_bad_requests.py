"""Whatever an address or a form of the admin holds, the answer is a page, a way back to the list, or a 400."""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.urls import reverse

from catalog.models import Photo
from catalog.photos import MAX_PHOTOS
from catalog.synonyms import Synonym

pytestmark = pytest.mark.django_db
LISTS = ["catalog_product", "search_query", "search_space", "access_key", "authtoken_tokenproxy"]


@pytest.fixture
def owner(admin_client, photo):
    photo("red")
    return admin_client


def test_products_are_listed_whatever_is_looked_for(owner):
    for words in ("a" * 3000, "(-" * 99):
        assert owner.get(reverse("admin:catalog_product_changelist"), {"q": words}).status_code == 200


@pytest.mark.parametrize("lookup", ["created_at__year", "created_at__year__gte"])
@pytest.mark.parametrize("year", ["0", "-1", "10000", "9" * 30])
def test_a_year_that_is_none_leads_back_to_the_list(owner, lookup, year):
    address = reverse("admin:catalog_product_changelist")
    answer = owner.get(f"{address}?{lookup}={year}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{address}?e=1")


@pytest.mark.parametrize("lookup", ["name", "sku", "name__regex", "attributes__color", "text_digest"])
def test_a_nul_in_a_filter_leads_back_to_the_list(owner, lookup):
    address = reverse("admin:catalog_product_changelist")
    answer = owner.get(f"{address}?{lookup}=a%00b")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{address}?e=1")


@pytest.mark.parametrize("name", LISTS)
def test_an_action_on_rows_that_cannot_be_changes_nothing(owner, name):
    address = reverse(f"admin:{name}_changelist")
    for selected in ("zzz", "\x00", "9" * 30):
        for action in ("delete_selected", "move", "activate"):
            answer = owner.post(address, {"action": action, ACTION_CHECKBOX_NAME: selected})
            assert answer.status_code in {200, 302, 403}, (selected, action)


def test_a_list_that_is_edited_adds_no_row(owner):
    form = {"_save": "", "form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 1, "form-0-id": "0", "form-0-both_ways": "on"}
    assert owner.post(reverse("admin:catalog_synonym_changelist"), form).status_code in {200, 400}
    assert not Synonym.objects.exists()


def test_a_page_shows_no_more_forms_than_it_can_have_rows(owner):
    photo = Photo.objects.get()
    synonyms, product = (
        owner.post(address, {f"{prefix}-TOTAL_FORMS": 100_000, f"{prefix}-INITIAL_FORMS": 0, "_save": ""})
        for address, prefix in (
            (reverse("admin:catalog_synonym_changelist"), "form"),
            (reverse("admin:catalog_product_change", args=[photo.product_id]), "photos"),
        )
    )
    assert len(synonyms.context["cl"].formset.forms) == 200
    assert len(product.context["inline_admin_formsets"][0].formset.forms) == MAX_PHOTOS


@pytest.mark.parametrize("term", ["\x00", "a\x00b"])
def test_what_no_database_could_hold_is_the_senders_mistake(owner, term):
    field = {"app_label": "authtoken", "model_name": "tokenproxy", "field_name": "user"}
    assert owner.get(reverse("admin:autocomplete"), {**field, "term": term}).status_code == 400


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999"])
def test_a_page_that_no_search_has_is_the_senders_mistake(owner, page):
    assert owner.get("/admin/search/", {"extended": "", "s": "a", "page": page}).status_code == 400
