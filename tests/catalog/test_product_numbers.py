"""The numbers of products, at every door."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog import attribute_types, product_numbers
from catalog.importing.importer import import_rows
from catalog.importing.rows import ProductRow
from catalog.models import AttributeType, NumberReading, Product, ProductNumber

SIZES = {"width_cm": 46.0, "depth_cm": 55.0, "height_cm": 86.0}


def numbers(one) -> dict[str, float]:
    return {row.name: row.value for row in ProductNumber.objects.filter(product__sku=getattr(one, "sku", one))}


def row(sku="A", **attributes) -> ProductRow:
    return ProductRow(f"line {sku}", sku, f"Chair {sku}", "Chair", attributes=attributes)


def test_columns_count_before_the_description_and_that_before_the_name(product):
    one = product(
        name="Table 200 x 90 x 75 cm, 12 kg",
        description="Width 46 cm, depth 55 cm.",
        attributes={"width_mm": 480},
    )
    assert numbers(one) == {"width_cm": 48, "depth_cm": 55, "height_cm": 75}


def test_a_sentence_may_call_the_product_by_its_category_and_one_of_two_columns_counts(product):
    one = product(name="Oslo", description="The lamp is 46 cm wide.", attributes={"height_mm": 860, "Höhe (cm)": 90})
    assert numbers(one) == {"width_cm": 46, "height_cm": 90}


def test_a_saved_product_has_the_numbers_that_it_says(product):
    one = product(description="46 x 55 x 86 cm")
    assert numbers(one) == SIZES
    one.description = "Width 46 cm."
    one.save()
    assert numbers(one) == {"width_cm": 46}
    with CaptureQueriesContext(connection) as queries:
        one.save(update_fields=["price"])
    assert not any("productnumber" in query["sql"] for query in queries)


def test_an_import_writes_them_with_its_rows(db):
    results = list(
        import_rows([row("A", width_cm="46"), row("B", dimensions="46 x 55 x 86 cm"), row("A", width_cm="9")])
    )
    assert [result.outcome for result in results] == ["added", "added", "refused"]
    assert numbers("A") == {"width_cm": 46}
    assert numbers("B") == SIZES
    list(import_rows([row("A", width_cm="50")]))
    assert numbers("A") == {"width_cm": 50}
    list(import_rows([row("C", width_cm="46")], dry_run=True))
    assert not numbers("C")


def test_a_batch_of_an_import_takes_a_few_queries_for_its_numbers(db):
    with CaptureQueriesContext(connection) as queries:
        list(import_rows([row(str(number), width_cm=str(number + 1)) for number in range(30)]))
    assert sum("productnumber" in query["sql"] for query in queries) <= 2
    assert ProductNumber.objects.count() == 30


def test_the_api_answers_with_the_numbers_of_what_it_wrote(client_with, category):
    category("lamp")
    client = client_with("add_product", "change_product")
    given = {"sku": "A", "name": "Lamp", "category": "lamp", "attributes": {"width_cm": 46}}
    made = client.post("/api/v1/products/", json.dumps(given), "application/json")
    assert made.json()["numbers"] == {"width_cm": 46}
    changed = client.patch("/api/v1/products/A/", json.dumps({"attributes": {"width_cm": 80}}), "application/json")
    assert changed.json()["numbers"] == {"width_cm": 80}
    assert client.get("/api/v1/products/").json()["results"][0]["numbers"] == {"width_cm": 80}


def test_when_a_type_changes_all_products_are_read_anew_and_once(product, monkeypatch):
    monkeypatch.setattr(product_numbers, "BATCH", 2)
    for place in range(5):
        product(sku=f"P{place}", attributes={"width": 460 + place})
    attribute_types.collect()
    assert product_numbers.refresh() == 5
    assert numbers("P4") == {"width": 464}
    AttributeType.objects.update(number="width_cm", unit="mm", is_chosen=True)
    assert product_numbers.refresh() == 10
    assert numbers("P4") == {"width_cm": 46.4}
    assert product_numbers.refresh() == 0


def test_a_reading_that_was_broken_off_goes_on_where_it_ended(product, monkeypatch):
    monkeypatch.setattr(product_numbers, "BATCH", 2)
    for place in range(5):
        product(sku=f"P{place}", attributes={"width": 46})
    attribute_types.collect()
    write, batches = product_numbers.write, list[int]()

    def dies(products):
        if len(batches) == 1:
            raise KeyboardInterrupt
        batches.append(len(products))
        return write(products)

    monkeypatch.setattr(product_numbers, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        product_numbers.refresh()
    monkeypatch.setattr(product_numbers, "write", write)
    assert NumberReading.objects.get().up_to == Product.objects.order_by("pk")[1].pk
    assert product_numbers.refresh() == 3
    assert ProductNumber.objects.count() == 5


def test_a_renamed_category_has_its_products_read_anew(product, category):
    one = product("sideboard", name="Malm", description="The sideboard is 160 cm wide.")
    assert numbers(one) == {"width_cm": 160}
    product_numbers.refresh()
    one.category.name = "Cabinet"
    one.category.save()
    product_numbers.refresh()
    assert numbers(one) == {}


@pytest.mark.django_db(transaction=True)
def test_what_is_inserted_while_a_type_changes_is_read_by_the_new_one(category):
    lamp = category("lamp")
    made = AttributeType.objects.create(name="width", kind="number", number="width_cm", unit="cm", is_chosen=True)
    product_numbers.refresh()
    inserted, go_on = threading.Event(), threading.Event()

    def insert() -> None:
        with transaction.atomic():
            Product.objects.create(sku="A", name="Lamp", category=lamp, attributes={"width": 460})
            inserted.set()
            go_on.wait(10)
        connection.close()

    def refresh() -> None:
        product_numbers.refresh()
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        inserting = pool.submit(insert)
        assert inserted.wait(10)
        made.unit = "mm"
        made.save()
        refreshing = pool.submit(refresh)
        time.sleep(0.3)
        assert not refreshing.done()
        go_on.set()
        inserting.result()
        refreshing.result()
    assert numbers("A") == {"width_cm": 46}
