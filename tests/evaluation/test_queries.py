from unicodedata import normalize

import numpy as np
import pytest

from catalog.models import Category, Photo, Product
from evaluation import queries
from evaluation.queries import BadQueries, labelled, leave_one_out, read_labels, shared_stock
from ml.images import open_photo
from ml.retrieval import NOTHING
from search.models import Embedding, Space
from search.store import partitions
from tests.conftest import picture

pytestmark = pytest.mark.django_db

MANY = 1000


@pytest.fixture
def shop(photo, index) -> None:
    """Two lamps "Sol", one of them with two photos, a lamp "Luna" and a bed "Sol"."""
    first = photo("red", "lamp", sku="L1", name="Sol", attributes={"line": "A"})
    photo("orange", of=first.product)
    photo("yellow", "lamp", sku="L2", name="Sol", attributes={"line": "B"})
    photo("white", "lamp", sku="L3", name="Luna", attributes={"line": "A"})
    photo("blue", "bed", sku="B1", name="Sol", attributes={})
    index()


def other_space(leave_out: Photo) -> Space:
    """A second space that has all photos but one."""
    space = Space.objects.create(name="other", recipe={"weights": "random"}, dimensions=48)
    partitions.ensure(space, Category.objects.values_list("pk", flat=True))
    for row in Embedding.objects.exclude(photo=leave_out):
        Embedding.objects.create(space=space, category_id=row.category_id, photo_id=row.photo_id, vector=row.vector)
    return space


def skus(stock: queries.Stock) -> list[str]:
    names = dict(Product.objects.values_list("pk", "sku"))
    return [names[product] for product in stock.product_ids.tolist()]


def wanted_skus(asked: queries.Queries, stock: queries.Stock) -> dict[str, list[str]]:
    names = np.array(skus(stock))
    return {name: names[row].tolist() for name, row in zip(asked.names, asked.wanted, strict=True)}


def test_the_stock_is_every_indexed_photo_product_by_product(space, shop):
    stock = shared_stock([space], MANY, seed=0)
    assert stock.photos.tolist() == list(Photo.objects.order_by("product_id", "position").values_list("pk", flat=True))
    assert (skus(stock), stock.photo_counts.tolist(), stock.first_rows.tolist()) == (
        ["L1", "L2", "L3", "B1"],
        [2, 1, 1, 1],
        [0, 2, 3, 4],
    )
    assert (stock.indexed, stock.unshared) == (5, 0)


def test_a_product_on_its_way_to_another_category_is_left_out(space, shop, category):
    Product.objects.filter(sku="L2").update(category=category("bed"))
    assert skus(shared_stock([space], MANY, seed=0)) == ["L1", "L3", "B1"]


def test_spaces_are_compared_on_the_photos_that_all_of_them_have(space, shop):
    stock = shared_stock([space, other_space(leave_out=Photo.objects.get(product__sku="L3"))], MANY, seed=0)
    assert (skus(stock), stock.indexed, stock.unshared) == (["L1", "L2", "B1"], 4, 1)


def test_a_large_catalogue_is_sampled_by_product_and_by_seed_around_those_to_keep(space, shop):
    kept = Product.objects.get(sku="L1").pk
    stocks = [shared_stock([space], 3, seed, keep=[kept]) for seed in range(20)]
    assert all(len(stock.photos) == 3 and kept in stock.product_ids and stock.indexed == 5 for stock in stocks)
    assert len({tuple(skus(stock)) for stock in stocks}) == 3
    assert skus(stocks[4]) == skus(shared_stock([space], 3, 4, keep=[kept]))


def test_kin_share_category_and_family_and_the_own_product_is_no_answer(space, shop):
    stock = shared_stock([space], MANY, seed=0)
    asked = leave_one_out(stock, MANY, seed=0, family="name")
    assert wanted_skus(asked, stock) == {"L1": ["L2"], "L2": ["L1"], "L3": [], "B1": []}
    assert asked.wanting.tolist() == [True, True, False, False]
    assert asked.own.tolist() == stock.product_ids.tolist()
    assert asked.photos.tolist() == stock.photos[stock.first_rows].tolist()
    assert asked.wanted_by == "another product of the same category and name"


def test_an_attribute_may_make_the_family(space, shop):
    stock = shared_stock([space], MANY, seed=0)
    asked = leave_one_out(stock, MANY, seed=0, family="line")
    assert wanted_skus(asked, stock) == {"L1": ["L3"], "L2": [], "L3": ["L1"], "B1": []}


def test_a_family_that_no_product_has_is_refused_with_the_columns_there_are(space, shop):
    stock = shared_stock([space], MANY, seed=0)
    with pytest.raises(BadQueries, match=r"--family range: no product has it\. Choose from: name, line\."):
        leave_one_out(stock, MANY, seed=0, family="range")


def test_with_several_photos_a_product_looks_for_its_own_others(space, shop, monkeypatch):
    monkeypatch.setattr(queries, "ENOUGH", 1)
    stock = shared_stock([space], MANY, seed=0)
    asked = leave_one_out(stock, MANY, seed=0)
    assert wanted_skus(asked, stock) == {"L1": ["L1"], "L2": [], "L3": [], "B1": []}
    assert asked.own.tolist() == [NOTHING] * 4
    assert asked.notes == ()


def test_too_few_products_with_several_photos_make_the_names_decide_and_say_so(space, shop):
    asked = leave_one_out(shared_stock([space], MANY, seed=0), MANY, seed=0)
    assert asked.wanting.sum() == 2
    assert asked.notes[0].startswith("Products with several photos: 1, too few")


def test_a_sample_of_the_products_asks(space, shop):
    stock = shared_stock([space], MANY, seed=0)
    samples = {leave_one_out(stock, 2, seed, "name").names for seed in range(20)}
    assert {len(names) for names in samples} == {2}
    assert len(samples) > 1


@pytest.fixture
def folder(tmp_path):
    """Two photos and a file that names them."""
    (tmp_path / "one.png").write_bytes(picture("red"))
    (tmp_path / "two.png").write_bytes(picture("blue"))
    return tmp_path


def csv(folder, text: str):
    path = folder / "queries.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_labelled_photos_want_the_products_named(space, shop, folder):
    path = csv(folder, "image,category,sku\none.png,lamp,L1;L2\ntwo.png,bed,\n")
    stock = shared_stock([space], MANY, seed=0)
    asked = labelled(read_labels(path, MANY, seed=0), stock)
    first, second = "one.png (queries.csv line 2)", "two.png (queries.csv line 3)"
    assert wanted_skus(asked, stock) == {first: ["L1", "L2"], second: []}
    assert asked.wanting.tolist() == [True, False]
    assert asked.files == (folder / "one.png", folder / "two.png")
    assert asked.image(1, open_photo).getpixel((0, 0)) == (0, 0, 255)
    assert [slug for (slug,) in Category.objects.filter(pk__in=asked.categories.tolist()).values_list("slug")] == [
        "bed",
        "lamp",
    ]


def test_a_product_without_an_indexed_photo_is_wanted_in_vain_and_the_notes_say_so(space, shop, folder, product):
    product("lamp", sku="L9")
    path = csv(folder, "image;category;sku\none.png;lamp;L9\n")
    asked = labelled(read_labels(path, MANY, seed=0), shared_stock([space], MANY, seed=0))
    assert (asked.wanting.tolist(), asked.wanted.any()) == ([True], False)
    assert asked.notes == ("Products looked for that cannot be found, since the index has no photo of them: 1.",)


def test_a_folder_labels_its_photos_by_category(space, shop, tmp_path):
    folder = tmp_path / "labelled"
    (folder / "lamp").mkdir(parents=True)
    (folder / "lamp" / "b.png").write_bytes(picture("red"))
    [label] = read_labels(folder, MANY, seed=0)
    assert (label.place, label.category) == ("lamp/b.png", Category.objects.get(slug="lamp").pk)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("photo,category\n", r"has no column image; its first line has to name them"),
        ("image,category\none.png,sofa\n", r"line 2: there is no category “sofa”.*: bed, lamp\."),
        ("image,category\nthree.png,lamp\n", r"line 2: there is no file .*three\.png"),
        ("image,category,sku\none.png,lamp,L1\none.png,lamp,X;L1\n", r"line 3: no product has the sku X\."),
        ("image,category\none.png\n", r"line 2: it has 1 cells, the header has 2\."),
        ('image,category\n"one.png,lamp\n', r"cannot be read as CSV"),
        ("image,category\n", r"has no rows"),
    ],
)
def test_rows_that_cannot_be_asked_are_named_with_their_cure(space, shop, folder, text, complaint):
    with pytest.raises(BadQueries, match=complaint):
        read_labels(csv(folder, text), MANY, seed=0)


def test_a_file_that_is_no_text_and_a_file_that_is_not_there_are_refused(folder):
    (folder / "latin.csv").write_bytes("image,category\nstühle.jpg,lamp\n".encode("latin-1"))
    with pytest.raises(BadQueries, match="not in UTF-8"):
        read_labels(folder / "latin.csv", MANY, seed=0)
    with pytest.raises(BadQueries, match=r"none\.csv cannot be read: No such file"):
        read_labels(folder / "none.csv", MANY, seed=0)


def test_a_file_is_separated_by_what_its_columns_are_and_photos_of_a_mac_are_found(space, shop, folder):
    (folder / normalize("NFD", "grün.png")).write_bytes(picture("red"))
    [label] = read_labels(csv(folder, '\nimage;"category";"w, h, d, e"\ngrün.png;lamp;1\n'), MANY, seed=0)
    assert label.place == f"{normalize('NFD', 'grün.png')} (queries.csv line 3)"


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(BadQueries, match=r"such as chair/oak\.jpg"):
        read_labels(tmp_path, MANY, seed=0)


def test_a_photo_that_cannot_be_opened_is_named(space, shop, folder):
    (folder / "one.png").write_bytes(b"no photo")
    path = csv(folder, "image,category\none.png,lamp\n")
    asked = labelled(read_labels(path, MANY, seed=0), shared_stock([space], MANY, seed=0))
    with pytest.raises(BadQueries, match=r"one\.png \(queries\.csv line 2\): This is not a photo"):
        asked.image(0, open_photo)
