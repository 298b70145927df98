import os
import time
from decimal import Decimal
from unicodedata import normalize

import pytest

from catalog.importing import rows as reading
from catalog.importing.albums import DiskPhoto, Misuse
from catalog.importing.rows import FolderRows, ProductRow, RefusedRow, read
from tests.zips import zipped


@pytest.fixture
def csv_file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "catalog.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


def rows(path, photos=None):
    return list(read(path, photos))


def reasons(path):
    return [(row.place, row.reason) for row in rows(path) if isinstance(row, RefusedRow)]


def test_a_row_holds_what_the_file_says_and_no_more(csv_file):
    path = csv_file("sku,name,category\nCH-1,Oak chair,Chair\n")
    assert rows(path) == [ProductRow("2", "CH-1", "Oak chair", "Chair")]


def test_every_column_is_read(csv_file, tmp_path):
    path = csv_file(
        "SKU,Name,Category,image,description,price,currency,in_stock,url,color,Size\n"
        "CH-1,Oak chair,Chair,a.jpg | b/c.jpg,Solid.,12.50,usd,no,https://shop.example/1,Oak,\n"
    )
    assert rows(path) == [
        ProductRow(
            "2",
            "CH-1",
            "Oak chair",
            "Chair",
            (DiskPhoto(tmp_path / "a.jpg"), DiskPhoto(tmp_path / "b" / "c.jpg")),
            {
                "description": "Solid.",
                "price": Decimal("12.50"),
                "currency": "USD",
                "in_stock": False,
                "url": "https://shop.example/1",
            },
            {"color": "Oak", "Size": ""},
        )
    ]


def test_empty_cells_are_the_defaults(csv_file):
    path = csv_file("sku,name,category,price,currency,in_stock,url\nCH-1,Oak,Chair,,,,\n")
    assert rows(path)[0].fields == {"price": None, "currency": "EUR", "in_stock": True, "url": ""}


@pytest.mark.parametrize(
    "text", ["\ufeffsku,name,category\na,b,c\n", "sku;name;category\na;b;c\n", "sku\tname\tcategory\na\tb\tc"]
)
def test_a_byte_order_mark_and_other_separators_are_understood(csv_file, text):
    assert rows(csv_file(text)) == [ProductRow("2", "a", "b", "c")]


def test_a_row_is_named_by_the_line_it_starts_at(csv_file):
    path = csv_file('sku,name,category\na,"two\nlines",c\n\n , ,\nb,,c\n')
    assert [row.place for row in rows(path)] == ["2", "6"]


def test_rows_are_counted_as_they_are_read(csv_file):
    path = csv_file('sku,name,category\na,"two\nlines",c\n\nb,,c\n')
    assert read(path).count == len(rows(path)) == 2


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (",b,c,,,", "no sku"),
        ("a,,,,,", "no name, category"),
        ("a,b,c", "it has 3 cells, the header has 6"),
        ("a,b,c,,,,,", "it has 8 cells, the header has 6"),
        ("a,b\x00,c,,,", "it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”"),
        ('a,"never closed,c,,,', "it cannot be read as CSV: unexpected end of data"),
        ('a,"closed" twice",c,,,', "it cannot be read as CSV: ',' expected after '\"'"),
        ("a," + "x" * 200_000 + ",c,,,", "it cannot be read as CSV: field larger than field limit (131072)"),
        ("a,b,c,cheap,,", "price cheap: not a number"),
        ("a,b,c,NaN,,", "price NaN: not a number"),
        ('a,b,c,"1.299,00",,', "price 1.299,00: not a number"),
        ("a,b,c,,perhaps,", "in_stock perhaps: write true or false"),
        (
            "a,b,c,,,https://shop.example/a.jpg",
            "image https://shop.example/a.jpg: web addresses are not fetched, give a file",
        ),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_reason(csv_file, cells, reason):
    path = csv_file(f"sku,name,category,price,in_stock,image\ngood,b,c,,,\n{cells}\ngood2,b,c,,,\n")
    assert reasons(path) == [("3", reason)]
    assert len(rows(path)) == 3


def test_a_row_in_another_encoding_is_refused_with_what_can_be_shown(csv_file):
    path = csv_file(b"sku,name,category\na,b,c\n" + "ö,b,c\n".encode("latin-1") + "ö,b,c\n".encode())
    reason = "it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”"
    assert rows(path) == [
        ProductRow("2", "a", "b", "c"),
        RefusedRow("3", "\ufffd", reason),
        ProductRow("4", "ö", "b", "c"),
    ]


def test_a_stray_quote_spoils_its_own_row_alone(csv_file):
    path = csv_file('sku,name,category\na,"stray,c\nb,"two\nlines",c\n\nd,"stray,c\ne,b,c\n')
    assert [(row.place, row.sku) for row in rows(path)] == [("2", ""), ("3", "b"), ("6", ""), ("7", "e")]
    assert read(path).count == 4


def test_a_quote_that_is_not_closed_takes_along_a_thousand_lines_at_most(csv_file):
    """Each of these lines ends within a quote. Reading each to the end of the file would take hours."""
    path = csv_file("sku,name,category\n" + 'x","z\n' * 20_000)
    begun = time.process_time()
    with pytest.raises(Misuse, match="has more than 1,000 rows that cannot be read as CSV, such as that of line 1002"):
        _ = read(path).count
    assert time.process_time() - begun < 10
    [refused] = reasons(csv_file("sku,name,category\n" + "," * (reading.MAX_ROW_CHARACTERS + 1) + "\na,b,c\n"))
    assert refused == (
        "2",
        "it cannot be read as CSV: it has more than 1,000 lines or 1,000,000 characters; is a quote not closed?",
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_no_spreadsheet_takes_a_refused_cell_for_a_formula(start):
    assert [reading.as_text(cell) for cell in (start + "1+1", f"1{start}1")] == [f"'{start}1+1", f"1{start}1"]


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "/etc/passwd", "a/../../secret.jpg", "..\\secret.jpg", "link/secret.jpg"]
)
def test_a_photo_outside_the_folder_is_refused(csv_file, tmp_path, name):
    (tmp_path / "link").symlink_to("/etc")
    path = csv_file(f"sku,name,category,image\na,b,c,{name}\n")
    assert reasons(path) == [("2", f"image {name}: outside the folder {tmp_path}")]


def test_a_path_that_leads_nowhere_is_refused(csv_file, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    path = csv_file("sku,name,category,image\na,b,c,loop/a.jpg\n")
    assert reasons(path) == [("2", "image 'loop/a.jpg': not a usable path")]


def test_photos_may_lie_in_another_folder(csv_file, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    path = csv_file("sku,name,category,image\na,b,c,x.jpg\n")
    assert rows(path, folder)[0].photos == (DiskPhoto(folder / "x.jpg"),)


@pytest.mark.parametrize("text", [("12,5", "12.5"), ("12,50", "12.50"), ("1299", "1299"), ("-1", "-1")])
def test_prices_may_have_a_decimal_comma(csv_file, text):
    path = csv_file(f"sku;name;category;price\na;b;c;{text[0]}\n")
    assert rows(path)[0].fields == {"price": Decimal(text[1])}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no column sku, name, category"),
        ("sku,title,category\n", "has no column name"),
        ("sku,name,category,sku\n", "has the column sku twice"),
        ("sku,name,category" + ",a" * 200_000 + "\n", "has more than 1,000 columns"),
        ("sku,Möbel,category\na,b,c\n".encode("latin-1"), "is not text in UTF-8"),
        ("sku,name,category\n".encode("utf-16"), "is not text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00", "is not text in UTF-8"),
        (b"PK\x03\x04\x00\x00", "is not text in UTF-8"),
        ('sku,name,"category\na,b,c\n', "is not a CSV file"),
    ],
)
def test_a_file_that_is_no_catalogue_is_misuse(csv_file, text, reason):
    with pytest.raises(Misuse, match=reason):
        read(csv_file(text))


def test_paths_that_are_not_there_are_misuse(csv_file, tmp_path):
    with pytest.raises(Misuse, match="no such file or folder"):
        read(tmp_path / "nowhere.csv")
    with pytest.raises(Misuse, match="no such folder"):
        read(csv_file("sku,name,category\n"), tmp_path / "nowhere")


def test_a_folder_of_photos_beside_a_folder_is_misuse(tmp_path):
    with pytest.raises(Misuse, match="--photos goes with a CSV file"):
        read(tmp_path, tmp_path)


def test_a_folder_has_one_product_for_each_photo(tmp_path):
    names = (
        "chair/oak_chair-01.jpg",
        "chair/Блюз (2).PNG",
        "chair/notes.txt",
        "chair/.hidden.jpg",
        ".git/a.jpg",
        "top.jpg",
    )
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert rows(tmp_path) == [
        ProductRow(
            "chair/oak_chair-01.jpg", "chair-oak_chair-01", "oak chair 01", "chair", (DiskPhoto(tmp_path / names[0]),)
        ),
        ProductRow("chair/Блюз (2).PNG", "chair-Блюз-2", "Блюз (2)", "chair", (DiskPhoto(tmp_path / names[1]),)),
        RefusedRow("top.jpg", "", "it lies in no folder; the folder's name is the category"),
    ]
    found = read(tmp_path)
    assert isinstance(found, FolderRows)
    assert (found.count, found.left_out) == (3, ["chair/notes.txt"])
    assert found.left_alone() == f"Left alone in {tmp_path}: 1 file other than photos: chair/notes.txt."


def test_jpegs_are_taken_whatever_their_suffix_and_from_folders_in_folders(tmp_path):
    for name in ("wood/oak.JFIF", "wood/pine.jpe", "train/chair/low.jpg", "wood/ash.heic"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    taken = [(row.place, row.category, row.sku) for row in rows(tmp_path) if isinstance(row, ProductRow)]
    assert taken == [
        ("train/chair/low.jpg", "chair", "chair-low"),
        ("wood/ash.heic", "wood", "wood-ash"),
        ("wood/oak.JFIF", "wood", "wood-oak"),
        ("wood/pine.jpe", "wood", "wood-pine"),
    ]


def test_links_to_folders_are_followed_and_not_in_circles(tmp_path):
    for name in ("elsewhere/chair/oak.jpg", "photos/lamp/low.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "photos" / "chair").symlink_to(tmp_path / "elsewhere" / "chair")
    (tmp_path / "photos" / "lamp" / "again").symlink_to(tmp_path / "photos")
    assert [row.place for row in rows(tmp_path / "photos")] == ["chair/oak.jpg", "lamp/low.jpg"]


def test_names_that_macos_decomposes_are_composed_in_folders_as_in_zips(tmp_path):
    place = normalize("NFD", "Stühle/grün.png")
    (tmp_path / "photos" / place).parent.mkdir(parents=True)
    (tmp_path / "photos" / place).write_bytes(b"x")
    (tmp_path / "photos.zip").write_bytes(zipped({place: b"x"}))
    for found in (rows(tmp_path / "photos"), rows(tmp_path / "photos.zip")):
        [row] = found
        assert isinstance(row, ProductRow)
        assert (row.place, row.category, row.sku, row.name) == ("Stühle/grün.png", "Stühle", "stühle-grün", "grün")
        assert row.photos[0].read() == b"x"


def test_a_file_name_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "chair").mkdir()
    (tmp_path / os.fsdecode(b"chair/st\xfchl.jpg")).touch()
    assert rows(tmp_path) == [RefusedRow("chair/st�hl.jpg", "", "its name is not in UTF-8")]


def test_a_folder_without_photos_in_folders_is_misuse(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(Misuse, match=r"such as chair/oak\.jpg"):
        read(tmp_path)
