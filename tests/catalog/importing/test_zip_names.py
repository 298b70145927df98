"""Names in ZIPs of old and careless programs: read as they were written, or refused with the cure, never garbled."""

import zlib
from unicodedata import normalize
from zipfile import ZipInfo

import pytest

from catalog.importing.albums import Archive, Misuse
from catalog.importing.recognition import read
from catalog.importing.rows import ProductRow
from catalog.importing.zip_names import CODE_PAGES, names_of
from tests.conftest import picture
from tests.zips import Unflagged, zipped

RED = picture("red")


def unicode_path(name, raw, version=1):
    content = bytes([version]) + zlib.crc32(raw).to_bytes(4, "little") + name.encode()
    return b"up" + len(content).to_bytes(2, "little") + content


@pytest.fixture
def photos(tmp_path):
    def make(*names, code_page=""):
        entries = [name if isinstance(name, Unflagged) else Unflagged(name) for name in names]
        path = tmp_path / "photos.zip"
        path.write_bytes(zipped([(entry, RED) for entry in entries]))
        return Archive(path, "photos.zip", code_page).photos

    return make


def test_names_that_are_utf_8_are_read_so_though_finder_does_not_flag_them(photos, tmp_path):
    found = photos(normalize("NFD", "Stühle/grün.png").encode(), "Stühle/.DS_Store".encode())
    assert found == ["Stühle/grün.png"]
    [row] = read(tmp_path / "photos.zip")
    assert isinstance(row, ProductRow)
    assert (row.category, row.name, row.sku) == ("Stühle", "grün", "stühle-grün")


def test_the_unicode_path_field_names_a_photo(photos):
    raw = "Стулья/дуб.png".encode("cp866")
    assert photos(Unflagged(raw, unicode_path("Стулья/дуб.png", raw))) == ["Стулья/дуб.png"]
    before = b"\x01\x00\x02\x00ab"
    assert photos(Unflagged(raw, before + unicode_path("Стулья/дуб.png", raw))) == ["Стулья/дуб.png"]


@pytest.mark.parametrize(
    "extra",
    [
        unicode_path("../дуб.png", b"renamed since"),
        unicode_path("дуб.png", "дуб.png".encode("cp866"), version=2),
        b"up\x09\x00\x01" + zlib.crc32("дуб.png".encode("cp866")).to_bytes(4, "little") + b"\xff\xff\xff\xff",
    ],
    ids=["of another name", "of another version", "not UTF-8"],
)
def test_a_unicode_path_that_does_not_fit_is_no_name(photos, extra):
    with pytest.raises(Misuse, match="does not say in which letters"):
        photos(Unflagged("дуб.png".encode("cp866"), extra))


def test_a_unicode_path_leads_out_of_the_zip_no_more_than_a_name(photos):
    raw = "дуб.png".encode("cp866")
    with pytest.raises(Misuse, match="leads out of the ZIP"):
        photos(Unflagged(raw, unicode_path("../дуб.png", raw)))


def test_names_in_letters_that_nobody_told_are_refused_with_the_cure(photos):
    with pytest.raises(Misuse) as refused:
        photos("Køkken/grøn stol.png".encode("cp850"))
    assert str(refused.value) == (
        "photos.zip does not say in which letters its names are written, such as 'Køkken/grøn stol.png' if they are "
        "Western European. Choose them (in the admin “Letters of its names”, for the command --zip-names cp850), or "
        "pack it again with names in UTF-8."
    )


def test_one_name_that_is_not_utf_8_leaves_all_of_them_untold(photos):
    with pytest.raises(Misuse, match="does not say in which letters"):
        photos("Stühle/a.png".encode(), "Stühle/b.png".encode("cp850"))


@pytest.mark.parametrize(
    ("name", "code_page"),
    [("Køkken/grøn stol.png", "cp850"), ("Стулья/дуб.png", "cp866"), ("表/椅子.png", "cp932"), ("联通/a.png", "cp936")],
)
def test_names_are_read_in_the_letters_chosen(photos, name, code_page):
    """The second byte of 表 is a backslash, and 联通 happens to be UTF-8."""
    assert photos(name.encode(code_page), code_page=code_page) == [name]


def test_letters_that_do_not_fit_are_refused(photos):
    with pytest.raises(Misuse, match=r"photos\.zip has the name .*, which is not in cp874"):
        photos(b"\xff.png", code_page="cp874")


def test_chosen_letters_leave_alone_the_names_that_say_theirs(tmp_path):
    path = tmp_path / "photos.zip"
    path.write_bytes(zipped([("Stühle/a.png", RED), (Unflagged("Stühle/b.png".encode("cp850")), RED)]))
    assert Archive(path, code_page="cp850").photos == ["Stühle/a.png", "Stühle/b.png"]


def test_every_code_page_offered_is_known_and_leaves_plain_names_alone():
    for code_page in CODE_PAGES:
        assert names_of([ZipInfo("chair/oak.jpg")], code_page) == ["chair/oak.jpg"]
        assert b"chair/oak.jpg".decode(code_page) == "chair/oak.jpg"
