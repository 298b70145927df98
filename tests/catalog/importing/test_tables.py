import time
from decimal import Decimal
from unicodedata import normalize

import pytest

from catalog.importing import tables
from catalog.importing.albums import DiskPhoto, Misuse
from catalog.importing.recognition import read
from catalog.importing.rows import ProductRow, RefusedRow, as_text


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
    path = csv_file('sku,name,category,note\na,b,c,"two\nlines"\n\n , ,,\nb,,c,\n')
    assert [row.place for row in rows(path)] == ["2", "6"]


def test_rows_are_counted_as_they_are_read(csv_file):
    path = csv_file('sku,name,category,note\na,b,c,"two\nlines"\n\nb,,c,\n')
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
        ("a,b,c,cheap,,", "price cheap: not a number, write it like 1299.00"),
        ("a,b,c,NaN,,", "price NaN: not a number, write it like 1299.00"),
        ('a,b,c,"1.29,900",,', "price 1.29,900: not a number, write it like 1299.00"),
        ("a,b,c,,perhaps,", "in_stock perhaps: write true or false"),
        (
            "a,b,c,,,ftp://me:secret@shop.example/a.jpg",
            "image ftp://shop.example/a.jpg: not a web address, write one that starts with https://",
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
    path = csv_file('sku,note,name,category\na,"stray,b,c\nb,"two\nlines",b,c\n\nd,"stray,b,c\ne,,b,c\n')
    assert [(row.place, row.sku) for row in rows(path)] == [("2", ""), ("3", "b"), ("6", ""), ("7", "e")]
    assert read(path).count == 4


def test_a_quote_that_is_not_closed_takes_along_a_thousand_lines_at_most(csv_file):
    """Each of these lines ends within a quote. Reading each to the end of the file would take hours."""
    path = csv_file("sku,name,category\n" + 'x","z\n' * 20_000)
    begun = time.process_time()
    with pytest.raises(Misuse, match="has more than 1,000 rows that cannot be read as CSV, such as that of line 1002"):
        _ = read(path).count
    assert time.process_time() - begun < 10
    [refused] = reasons(csv_file("sku,name,category\n" + "," * (tables.MAX_ROW_CHARACTERS + 1) + "\na,b,c\n"))
    assert refused == (
        "2",
        "it cannot be read as CSV: it has more than 1,000 lines or 1,000,000 characters; is a quote not closed?",
    )


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n"])
def test_no_spreadsheet_takes_a_refused_cell_for_a_formula(start):
    assert [as_text(cell) for cell in (start + "1+1", f"1{start}1")] == [f"'{start}1+1", f"1{start}1"]


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


@pytest.mark.parametrize(
    "text", [("12,5", "12.5"), ("12,50", "12.50"), ("1299", "1299"), ("-1", "-1"), ("1.299,00", "1299.00")]
)
def test_prices_may_have_a_decimal_comma(csv_file, text):
    path = csv_file(f"sku;name;category;price\na;b;c;{text[0]}\n")
    assert rows(path)[0].fields == {"price": Decimal(text[1])}


def test_a_stray_quote_swallows_no_row_in_silence(csv_file):
    """The quote that closes the first cell stands in a row of its own."""
    path = csv_file('sku,name,category,note\na,"Oak,c,\nb,24",c,\nd,b,"c,,\ne,24",c,\n')
    swallows = "it cannot be read as CSV: it has other rows in it; is a quote not closed?"
    assert reasons(path) == [("2", swallows), ("4", swallows)]
    assert [(row.place, row.name) for row in rows(path) if isinstance(row, ProductRow)] == [("3", '24"'), ("5", '24"')]


def test_a_row_with_cells_too_few_or_too_many_names_no_product_but_in_its_first_cell(csv_file):
    """Its sku may be another cell, and a feed would take the product for gone."""
    text = "Oak, solid,A,c\nA\nb,b,c\n"
    assert [row.sku for row in rows(csv_file("name,sku,category\n" + text))] == ["", "", "b"]
    assert [row.sku for row in rows(csv_file("sku,name,category\n" + text))] == ["Oak", "A", "b"]


@pytest.mark.parametrize("cell", ['"two\nlines"', "tab\tbed"])
def test_a_name_has_one_line(csv_file, cell):
    reason = "its name has a tab or a line break; write one line, and close each quote"
    refused, _ = rows(csv_file(f"sku,name,category\na,{cell},c\nb,b,c\n"))
    # Nobody knows whose the lines are.
    assert refused == RefusedRow("2", "" if "\n" in cell else "a", reason)


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ('"Big" chair\tScreen 24"', ['"Big" chair', 'Screen 24"']),
        ('"Oak table\tF', ['"Oak table', "F"]),
        ('Oak\t"Never closed', ["Oak", '"Never closed']),
        ('"a ""b"" c"\t"tab\there"', ['a "b" c', "tab\there"]),
        ('""\t"two\nlines"', ["", "two\nlines"]),
        ('"two\nlines"\t"Big" \n', ["two\nlines", "Big"]),
    ],
)
def test_between_tabs_a_quote_counts_if_it_ends_its_cell(csv_file, row, cells):
    text = f'sku\tname\tcategory\tcolor\tnote\na\tb\tc\t{row}\nd\tScreen 24"\tc\t\t\n'
    first, second = rows(csv_file(text))
    assert (list(first.attributes.values()), second.name) == (cells, 'Screen 24"')


def test_between_tabs_a_quote_that_is_not_closed_takes_along_no_other_row(csv_file):
    path = csv_file('sku\tname\tcategory\tnote\na\tb\tc\t"x\ny\nz\nb\tb\tc\t\n')
    assert [(row.place, row.sku) for row in rows(path)] == [("2", ""), ("3", "y"), ("4", "z"), ("5", "b")]
    begun = time.process_time()
    with pytest.raises(Misuse, match="has more than 1,000 rows that cannot be read as CSV"):
        _ = read(csv_file("sku\tname\tcategory\n" + '"x\n' * 20_000)).count
    assert time.process_time() - begun < 10


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


@pytest.mark.parametrize(
    ("text", "row"),
    [
        (
            'sku;name;category;"Size, w, h, d";"Weight, kg"\nC05-1;Oak chair;Chair;"40, 90, 45";5\n',
            ProductRow(
                "2", "C05-1", "Oak chair", "Chair", attributes={"Size, w, h, d": "40, 90, 45", "Weight, kg": "5"}
            ),
        ),
        (
            "sku\tname\tcategory\tcost per 1,000, net, in EUR\nC05-2\tPine chair\tChair\t9,50\n",
            ProductRow("2", "C05-2", "Pine chair", "Chair", attributes={"cost per 1,000, net, in EUR": "9,50"}),
        ),
        ("\r\nsku;name;category\r\nC07-1;Blank;Chair\r\n", ProductRow("3", "C07-1", "Blank", "Chair")),
        (" , ,\n\nsku,name,category\na,b,c\n", ProductRow("4", "a", "b", "c")),
        ("sep=;\r\nsku;name;category\r\nC06-1;Sep chair;Chair\r\n", ProductRow("3", "C06-1", "Sep chair", "Chair")),
        ("\ufeffSEP=\t\nsku\tname\tcategory\na\tb\tc\n", ProductRow("3", "a", "b", "c")),
        ('"sep=,"\nsku,name,category\na,b,c\n', ProductRow("3", "a", "b", "c")),
        ('"sku";"name";"category";"a;b\nc,d"\na;b;c;\n', ProductRow("3", "a", "b", "c", attributes={"a;b\nc,d": ""})),
    ],
)
def test_the_separator_is_the_one_under_which_the_columns_appear(csv_file, text, row):
    assert rows(csv_file(text)) == [row]


def test_a_quoted_header_that_lacks_a_column_is_told_what_it_lacks(csv_file):
    with pytest.raises(Misuse, match="has no column category; its first line has to name them"):
        read(csv_file('"sku";"name"\n"a";"b"\n'))


@pytest.mark.parametrize("length", [131_073, 140_000, tables.MAX_ROW_CHARACTERS - len("a,,c\n")])
def test_a_cell_may_be_as_long_as_a_row(csv_file, length):
    assert [row.name for row in rows(csv_file(f"sku,name,category\na,{'x' * length},c\n"))] == ["x" * length]
    assert reasons(csv_file(f"sku,name,category\na,{'x' * tables.MAX_ROW_CHARACTERS},c\n")) == [
        (
            "2",
            "it cannot be read as CSV: it has more than 1,000 lines or 1,000,000 characters; is a quote not closed?",
        )
    ]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_file", ["NFC", "NFD"])
def test_letters_are_composed_and_files_are_found_however_they_are_written(csv_file, tmp_path, on_disk, in_file):
    photo = tmp_path / normalize(on_disk, "Fotös/grün.jpg")
    photo.parent.mkdir()
    photo.touch()
    path = csv_file(normalize(in_file, "sku,name,category,image,Größe\nsü,Grün,Stühle,Fotös/grün.jpg,fünf\n"))
    assert rows(path) == [ProductRow("2", "sü", "Grün", "Stühle", (DiskPhoto(photo),), attributes={"Größe": "fünf"})]
    assert rows(path)[0].photos[0].read() == b""
