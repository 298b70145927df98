import pytest
from django.db import DataError, IntegrityError, connection, transaction
from drf_standardized_errors.handler import exception_handler

from catalog.models import Photo, Product
from catalog.views import ProductViewSet

pytestmark = pytest.mark.django_db


def answer(error):
    response = exception_handler(error, {"view": ProductViewSet(), "args": (), "kwargs": {}, "request": None})
    assert response is not None
    return response.status_code, response.data["type"], response.data["errors"][0]["code"]


def test_a_product_written_by_another_request_first_is_a_conflict(product):
    made = product(sku="CH-1")
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        Product.objects.create(sku="CH-1", name="Rival", category=made.category)
    assert answer(error.value) == (409, "client_error", "conflict")


def test_a_category_deleted_by_another_request_first_is_a_conflict(product):
    made = product()
    Product.objects.create(sku="CH-1", name="Late", category_id=made.category_id + 1)
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        connection.check_constraints()  # as the commit would
    Product.objects.filter(sku="CH-1").delete()
    assert answer(error.value) == (409, "client_error", "conflict")


@pytest.mark.parametrize("fields", [{"name": "\x00"}, {"name": "x" * 300}, {"attributes": {"a": "\ud800"}}])
def test_what_no_row_can_hold_is_refused(product, fields):
    made = product()
    with pytest.raises(DataError) as error, transaction.atomic():
        Product.objects.filter(pk=made.pk).update(**fields)
    assert answer(error.value) == (400, "client_error", "parse_error")


def test_a_row_that_breaks_another_rule_of_the_database_is_a_fault_of_ours(product):
    made = product()
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        Photo.objects.create(product=made, width=1, height=1, position=-1)
    assert answer(error.value) == (500, "server_error", "error")
