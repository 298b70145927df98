from contextlib import suppress
from threading import Barrier, BrokenBarrierError, Thread

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from catalog.importing.importer import BATCH, Importer, Outcome, Result, import_rows
from catalog.importing.recognition import read
from catalog.importing.rows import ProductRow
from catalog.models import Category, Photo, PhotoAddress, Product
from catalog.photos import MAX_PHOTOS
from tests.conftest import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """Imports a CSV file written into a folder that has red.png, blue.png and broken.jpg."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "red.png").write_bytes(picture("red"))
    (folder / "blue.png").write_bytes(picture("blue"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")

    def run(*lines, header="sku,name,category,image,price,color", dry_run=False, between=None):
        """`between` is called when all rows have been looked up, and none is settled."""
        path = folder / "catalog.csv"
        path.write_text("\n".join([header, *lines]), encoding="utf-8")
        settle = Importer.settle

        def settle_late(*batch):
            between()
            return settle(*batch)

        with monkeypatch.context() as patched:
            if between:
                patched.setattr(Importer, "settle", settle_late)
            return list(import_rows(read(path), dry_run=dry_run))

    return run


def outcomes(results):
    return [(result.outcome.value, result.photos_added) for result in results]


def refusals(results):
    return [(result.place, result.reason) for result in results if result.outcome is Outcome.REFUSED]


def stored(media):
    return sum(path.is_file() for path in media.rglob("*"))


def test_a_row_becomes_a_product_with_its_photos(shop, media):
    assert shop("CH-1,Oak chair,Chair,red.png|blue.png,12.50,Oak") == [
        Result("2", "CH-1", Outcome.ADDED, 2, what="Oak chair, Chair")
    ]
    product = Product.objects.get()
    assert (product.sku, product.name, product.category.slug) == ("CH-1", "Oak chair", "chair")
    assert (str(product.price), product.attributes) == ("12.50", {"color": "Oak"})
    assert [photo.position for photo in product.photos.all()] == [0, 1]
    assert stored(media) == 2


def test_a_product_may_have_no_photo(shop):
    assert outcomes(shop("CH-1,Oak chair,Chair,,,")) == [("added", 0)]
    assert Product.objects.get().attributes == {}


def test_names_of_one_category_are_one_category(shop):
    shop("1,a,Side  Table,,,", "2,b,side table,,,", "3,c,SIDE TABLE,,,", "4,d,Möbel,,,")
    assert [(category.slug, category.name) for category in Category.objects.all()] == [
        ("möbel", "Möbel"),
        ("side-table", "Side Table"),
    ]


def test_a_second_import_changes_nothing(shop, media):
    lines = ("CH-1,Oak chair,Chair,red.png,12.50,Oak", "CH-2,Pine chair,Chair,red.png|blue.png,,")
    shop(*lines)
    before = list(Product.objects.order_by("pk").values()), list(Photo.objects.order_by("pk").values())
    with CaptureQueriesContext(connection) as queries:
        assert outcomes(shop(*lines)) == [("unchanged", 0), ("unchanged", 0)]
    assert not [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    assert before == (list(Product.objects.order_by("pk").values()), list(Photo.objects.order_by("pk").values()))
    assert stored(media) == 3


def test_a_changed_row_updates_its_product_alone(shop):
    shop("CH-1,Oak chair,Chair,red.png,12.50,Oak", "CH-2,Pine chair,Chair,,,Pine")
    before = {product.sku: product.updated_at for product in Product.objects.all()}
    results = shop("CH-1,Oak chair,Stool,red.png|blue.png,9.99,", "CH-2,Pine chair,Chair,,,Pine")
    assert outcomes(results) == [("updated", 1), ("unchanged", 0)]
    assert results[0].what == "category: Chair → Stool; price: 12.50 → 9.99; color: Oak → –"
    changed, same = Product.objects.get(sku="CH-1"), Product.objects.get(sku="CH-2")
    assert (changed.category.slug, str(changed.price), changed.attributes) == ("stool", "9.99", {})
    assert changed.updated_at > before["CH-1"]
    assert same.updated_at == before["CH-2"]


def test_what_the_file_has_no_column_for_is_left_alone(shop):
    shop("CH-1,Oak chair,Chair,red.png,12.50,Oak")
    Product.objects.update(description="By hand.", attributes={"color": "Oak", "width": 80})
    shop("CH-1,Renamed,Chair", header="sku,name,category")
    product = Product.objects.get()
    assert (product.name, str(product.price), product.description) == ("Renamed", "12.50", "By hand.")
    assert product.attributes == {"color": "Oak", "width": 80}
    assert product.photos.count() == 1


def test_bad_rows_are_refused_with_their_lines_and_good_rows_go_in(shop, media):
    results = shop(
        "CH-1,Oak chair,Chair,red.png,12.50,Oak",
        "CH-2,,Chair,,,",
        "CH-3,Chair,Chair,nowhere.png,,",
        "CH-4,Chair,Chair,red.png|broken.jpg,,",
        "a/b,Chair,Chair,,,",
        "CH-6,Chair,Chair,,-1,",
        "CH-7,Chair,Chair,,12345678901.00,",
        "CH-8,Chair,!!!,,,",
        "CH-9,Chair,Chair,,," + "x" * 501,
        "CH-10,Chair,Chair,.,,",
        "CH-11,Chair,New category,broken.jpg,,",
        "LAST,Chair,Chair,blue.png,,",
    )
    folder = "shop"
    found = [(place, reason.split(" in /")[0]) for place, reason in refusals(results)]
    assert found == [
        ("3", "no name"),
        ("4", "image nowhere.png: no such file"),
        ("5", "image broken.jpg: The photo is damaged or cut short: export or download it again, then send it."),
        (
            "6",
            "sku: A sku starts with a letter or a digit and has letters, digits and . _ ~ + : @ - only.",
        ),
        ("7", "price: Ensure this value is greater than or equal to 0."),
        ("8", "price: Ensure that there are no more than 12 digits in total."),
        ("9", "slug: This field cannot be blank."),
        ("10", "attributes: color: text of at most 500 characters, without NUL."),
        ("11", f"image {folder}: no such file"),
        ("12", "image broken.jpg: The photo is damaged or cut short: export or download it again, then send it."),
    ]
    assert [product.sku for product in Product.objects.order_by("pk")] == ["CH-1", "LAST"]
    assert [category.slug for category in Category.objects.all()] == ["chair"]
    assert stored(media) == 2


def test_a_row_with_too_many_photos_is_refused_whole(shop, media, product):
    made = product(sku="CH-1", name="Old name")
    Photo.objects.bulk_create(
        Photo(product=made, sha256=f"{number:064}", width=1, height=1) for number in range(MAX_PHOTOS - 1)
    )
    line = "CH-1,New name,Chair,red.png|blue.png,,"
    for dry_run in (True, False):
        assert refusals(shop(line, dry_run=dry_run)) == [("2", "A product has at most 50 photos.")]
    made.refresh_from_db()
    assert (made.name, made.photos.count(), stored(media)) == ("Old name", 49, 0)


def test_a_sku_met_again_is_unchanged_with_the_same_data_and_refused_with_other(shop):
    lines = ("CH-1,Oak chair,Chair,red.png,1,", "CH-1,Oak chair,Chair,red.png,1,", "CH-1,Pine chair,Chair,,2,")
    for dry_run in (True, False):
        results = shop(*lines, dry_run=dry_run)
        assert outcomes(results) == [("added", 1), ("unchanged", 0), ("refused", 0)]
        assert refusals(results) == [("4", "sku CH-1 was met before, at 2, with other data")]
    assert Product.objects.get().name == "Oak chair"


def test_a_sku_may_come_again_after_a_row_that_was_refused(shop):
    results = shop("CH-1,Oak chair,Chair,nowhere.png,1,", "CH-1,Oak chair,Chair,red.png,1,")
    assert outcomes(results) == [("refused", 0), ("added", 1)]


def test_a_dry_run_tells_what_would_be_and_changes_nothing(shop, media):
    shop("CH-1,Oak chair,Chair,red.png,1,")
    before = list(Product.objects.values()), list(Photo.objects.values()), list(Category.objects.values())
    results = shop(
        "CH-1,Renamed,Stool,red.png|blue.png,1,",
        "CH-2,Pine chair,Bench,red.png|red.png,1,",
        "CH-3,Chair,Bench,broken.jpg,1,",
        "CH-4,Chair,Bench,,-1,",
        dry_run=True,
    )
    assert outcomes(results) == [("updated", 1), ("added", 1), ("refused", 0), ("refused", 0)]
    assert before == (list(Product.objects.values()), list(Photo.objects.values()), list(Category.objects.values()))
    assert stored(media) == 1


def test_a_number_or_a_boolean_said_again_as_text_stays_what_it_is(shop):
    header = "sku,name,category,width,new,size"
    shop("CH-1,Oak chair,Chair,,,", header=header)
    typed = {"width": 80, "new": True, "size": "80"}
    Product.objects.update(attributes=typed)
    assert outcomes(shop("CH-1,Oak chair,Chair,80,true,80", header=header)) == [("unchanged", 0)]
    assert Product.objects.get().attributes == typed
    shop("CH-1,Oak chair,Chair,81,,None", header=header)
    assert Product.objects.get().attributes == {"width": "81", "size": "None"}


@pytest.mark.parametrize("dry_run", [True, False])
def test_two_names_of_one_slug_are_not_mixed_up(shop, dry_run):
    results = shop("1,a,C++,,,", "2,b,C#,,,", "3,c,c++,,,", "4,d,C,,,", "5,e,All,,,", dry_run=dry_run)
    assert refusals(results) == [
        ("3", "category C#: its slug “c” already belongs to C++"),
        ("6", "slug: “all” means every category: choose another slug."),
    ]


@pytest.mark.parametrize("slug", ["lounge-chairs", "seats"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_category_that_was_renamed_is_known_by_the_names_that_it_had(shop, slug, dry_run):
    category = Category.objects.create(slug="lounge-chairs", name="Lounge Chairs")
    for name in ("Armchairs", "Seats & more"):
        category.name, category.slug = name, slug
        category.save()
    lines = ("CH-1,A,Lounge Chairs", "CH-2,B,armchairs", "CH-3,C,Seats & more", "CH-4,D,Lounge chairs")
    results = shop(*lines, header="sku,name,category", dry_run=dry_run)
    assert [result.outcome for result in results] == [Outcome.ADDED] * 4
    assert {result.what.rpartition(", ")[2] for result in results} == {"Seats & more"}
    assert [(one.slug, one.name) for one in Category.objects.all()] == [(slug, "Seats & more")]


def test_a_category_that_has_a_name_now_comes_before_one_that_had_it(shop):
    former = Category.objects.create(slug="seats", name="Lounge Chairs")
    former.name = "Seats"
    former.save(update_fields=["name"])
    Category.objects.create(slug="lounge", name="Lounge Chairs")
    shop("CH-1,A,Lounge Chairs", header="sku,name,category")
    assert Product.objects.get().category.slug == "lounge"


def test_a_name_that_a_category_has_again_is_no_former_one():
    category = Category.objects.create(slug="seats", name="Seats")
    for name in ("Chairs", "Seats"):
        category.name = name
        category.save()
    category.refresh_from_db()
    assert category.former_names == ["chairs"]


def test_a_category_known_from_before_is_not_mixed_up_either(shop):
    Category.objects.create(slug="chair", name="Stühle")
    results = shop("1,a,Chair!,,,", "2,b,chair,,,")
    assert refusals(results) == [("2", "category Chair!: its slug “chair” already belongs to Stühle")]


def test_what_others_change_while_photos_are_decoded_stays(shop, product):
    product("chair", sku="CH-1", name="Oak chair", attributes={"color": "Oak"})

    def patch():
        Product.objects.filter(sku="CH-1").update(name="By hand", attributes={"color": "Pine", "ean": "4711"})

    results = shop("CH-0,First,Chair,L", "CH-1,Oak chair,Chair,M", header="sku,name,category,size", between=patch)
    assert [result.what for result in results] == ["First, Chair", "name: By hand → Oak chair; size: – → M"]
    assert Product.objects.get(sku="CH-1").attributes == {"color": "Pine", "ean": "4711", "size": "M"}


@pytest.mark.parametrize("line", ["CH-1,Renamed,Chair,,1,", "CH-1,Oak chair,Chair,blue.png,1,"])
def test_a_product_deleted_meanwhile_is_refused_and_the_rest_goes_in(shop, line):
    shop("CH-1,Oak chair,Chair,,1,")
    results = shop("CH-0,First,Chair,,,", line, "CH-2,Last,Chair,,,", between=Product.objects.all().delete)
    assert outcomes(results) == [("added", 0), ("refused", 0), ("added", 0)]
    [(place, reason)] = refusals(results)
    assert place == "3"
    assert reason.endswith("; if someone else changed it just now, import it again")
    assert [product.sku for product in Product.objects.order_by("sku")] == ["CH-0", "CH-2"]


def test_a_row_that_the_database_does_not_take_is_refused_and_the_rest_goes_in(shop, monkeypatch):
    monkeypatch.setattr(Product, "full_clean", lambda *_, **__: None)
    results = shop("CH-1," + "x" * 300 + ",Chair,,,", "CH-2,Last,Chair,,,")
    assert [place for place, _ in refusals(results)] == ["2"]
    assert [product.sku for product in Product.objects.all()] == ["CH-2"]


def test_a_database_that_is_gone_ends_the_import(shop, monkeypatch):
    def gone(*_, **__):
        raise OperationalError

    monkeypatch.setattr(Product, "save", gone)
    with pytest.raises(OperationalError):
        shop("CH-1,Oak chair,Chair,,,")


def test_photos_may_be_files_and_at_web_addresses(shop):
    [result] = shop("CH-1,Oak chair,Chair,red.png|https://shop.example/a.jpg|blue.png|https://shop.example/b.jpg,1,Oak")
    assert (result.photos_added, result.what) == (2, "Oak chair, Chair; photos at web addresses: 2 new")
    addresses = PhotoAddress.objects.order_by("position").values_list("url", flat=True)
    assert list(addresses) == ["https://shop.example/a.jpg", "https://shop.example/b.jpg"]
    assert not Photo.objects.filter(from_address=True).exists()


def test_many_rows_are_looked_up_together(shop):
    lines = [f"CH-{number},Chair,Chair,red.png,1,Oak" for number in range(70)]
    assert outcomes(shop(*lines)) == [("added", 1)] * 70
    with CaptureQueriesContext(connection) as queries:
        shop(*lines)
    # Three batches of products, three of photos and six of locks, and the category once.
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 13


def test_batches_before_an_interruption_stay(shop, tmp_path):
    lines = [f"CH-{number},Chair,Chair,red.png,1,Oak" for number in range(2 * BATCH)]
    shop()
    (tmp_path / "shop" / "catalog.csv").write_text("\n".join(["sku,name,category,image,price,color", *lines]))
    results = import_rows(read(tmp_path / "shop" / "catalog.csv"))
    for _ in range(5):
        next(results)
    results.close()
    assert Product.objects.count() == BATCH


def test_a_caption_made_while_an_import_runs_is_kept(shop):
    shop("A,Oak chair,Chair,,5,", "B,Pine chair,Chair,,5,")

    def caption() -> None:
        Product.objects.update(caption="A chair of wood.")

    results = shop("A,Oak chair,Chair,,6,", "B,Pine chair,Chair,,6,", between=caption)
    assert outcomes(results) == [("updated", 0)] * 2
    assert list(Product.objects.values_list("price", "caption")) == [(6, "A chair of wood.")] * 2


def test_the_products_of_a_batch_are_locked_first_and_in_one_order_whatever_that_of_the_file(shop, media):
    rows = [f"CH-{number},Chair {number},Chair,red.png,1,Oak" for number in range(3)]
    shop(*rows)
    with CaptureQueriesContext(connection) as captured:
        shop(*(row.replace(",1,", ",2,") for row in reversed(rows)))
    locks = [query["sql"] for query in captured if "FOR NO KEY UPDATE" in query["sql"]]
    assert locks[0].startswith('SELECT "catalog_product"."id" AS "pk" FROM')
    assert locks[0].endswith("ORDER BY 1 ASC FOR NO KEY UPDATE")
    assert all(str(pk) in locks[0] for pk in Product.objects.values_list("pk", flat=True))
    assert set(Product.objects.values_list("price", flat=True)) == {2}


@pytest.mark.django_db(transaction=True)
def test_imports_at_once_that_make_the_same_categories_in_another_order_do_not_deadlock(monkeypatch):
    files = {
        "one": [ProductRow("1", "A1", "Oak", "Chair"), ProductRow("2", "A2", "Pine", "Lamp")],
        "other": [ProductRow("1", "B1", "Pine", "Lamp"), ProductRow("2", "B2", "Oak", "Chair")],
    }
    first_rows_are_in, settle_row, outcomes = Barrier(2), Importer.settle_row, {}

    def settle_row_late(*args):
        result = settle_row(*args)
        with suppress(BrokenBarrierError):
            first_rows_are_in.wait(timeout=1)
        return result

    def run(name):
        try:
            outcomes[name] = [result.outcome.value for result in import_rows(files[name])]
        finally:
            connection.close()

    monkeypatch.setattr(Importer, "settle_row", settle_row_late)
    threads = [Thread(target=run, args=[name]) for name in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"one": ["added"] * 2, "other": ["added"] * 2}
    assert Category.objects.count() == 2
