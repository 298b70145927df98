import stat
from unicodedata import normalize
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZIP_STORED, ZipInfo

import pytest

from catalog.importing import albums
from catalog.importing.albums import Archive, Misuse, Refused
from catalog.importing.recognition import read
from catalog.importing.rows import ProductRow, RefusedRow
from tests.conftest import picture
from tests.zips import lying, zipped

RED = picture("red")
TWO = {"chair/oak.png": RED, "chair/pine.png": RED}


@pytest.fixture
def archive(tmp_path):
    def make(files, **options):
        path = tmp_path / "photos.zip"
        path.write_bytes(files if isinstance(files, bytes) else zipped(files, **options))
        return Archive(path, "photos.zip")

    return make


def moved_forward(data, by):
    """The ZIP with an end that puts the list of entries further on than it is: the first then begins at -1."""
    end = data.rindex(b"PK\x05\x06") + 16
    return data[:end] + (int.from_bytes(data[end : end + 4], "little") + by).to_bytes(4, "little") + data[end + 4 :]


def link(name, target):
    info = ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return [(info, target)]


def test_photos_are_read_in_place(archive, tmp_path):
    found = archive({"chair/oak.png": RED, "chair/oak.txt": b"", "chair/": b"", "oak.PNG": b"x"})
    assert found.photos == ["chair/oak.png", "oak.PNG"]
    assert found.find("chair/oak.png").read() == RED
    assert found.find("./chair\\oak.png").read() == RED
    assert [path.name for path in tmp_path.iterdir()] == ["photos.zip"]


def test_a_name_may_leave_out_the_folder_that_was_packed(archive):
    found = archive({"shop/chair/oak.png": RED, "shop/readme.txt": b""})
    assert found.find("chair/oak.png").read() == RED
    with pytest.raises(Refused, match=r"image oak\.png: no such file in photos\.zip"):
        found.find("oak.png")


def test_letters_that_macos_decomposes_are_found_as_they_are_typed(archive):
    assert archive({normalize("NFD", "Stühle/é.png"): RED}).find("Stühle/é.png").read() == RED


def test_what_systems_put_beside_photos_is_passed_over_and_other_files_are_named(archive):
    found = archive(
        {
            **TWO,
            "__MACOSX/chair/._oak.png": b"x",
            ".DS_Store": b"x",
            "chair/Thumbs.db": b"x",
            "notes.txt": b"x",
            "more.zip": zipped(TWO),
            "old.TAR": b"x",
        }
    )
    assert found.photos == list(TWO)
    assert found.left_alone() == (
        "Left alone in photos.zip: 3 files other than photos, 2 of them archives, which are not looked into: "
        "more.zip, notes.txt, old.TAR."
    )


def test_of_very_many_files_left_alone_the_first_are_named(archive):
    found = archive({**TWO, **{f"{number:03}.txt": b"" for number in range(102)}})
    assert found.left_alone().startswith("Left alone in photos.zip: 102 files other than photos: 000.txt, 001.txt, ")
    assert found.left_alone().endswith(", 099.txt and 2 more.")


def test_a_jpeg_is_taken_whatever_its_suffix(archive):
    names = ["a/1.JFIF", "a/2.jpe", "a/3.jif", "a/4.jfi", "a/5.pjpeg", "a/6.JPEG"]
    assert archive(dict.fromkeys(names, RED)).photos == names


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../oak.png": RED}, "leads out of the ZIP"),
        ({"chair/../../oak.png": RED}, "leads out of the ZIP"),
        ({"/etc/oak.png": RED}, "leads out of the ZIP"),
        ({"C:/oak.png": RED}, "leads out of the ZIP"),
        ({"chair\\oak.png": RED}, "has a backslash or a NUL in its name"),
        (link("chair/oak.png", b"/etc/passwd"), "is a link or a device"),
        (lying(zipped(TWO), 1, flags=1), "needs a password"),
        ([("chair/oak.png", RED), ("chair/oak.png", RED)], "has 'chair/oak.png' twice"),
        ([(normalize(form, "é.png"), RED) for form in ("NFC", "NFD")], "has 'é.png' twice"),
        (lying(zipped(TWO), 1, start=0), "has entries that overlap"),
        (moved_forward(zipped(TWO), 1), "is not a ZIP file, or it is cut short"),
        (lying(zipped(TWO), 0, unpacked=2_000_000_001), "unpacks to 2000 MB, at most 2000 MB are taken"),
        ({"bomb.png": bytes(30_000_000)}, r"unpacks to \d{3,} times its size"),
        (zipped(TWO)[:-30], "is not a ZIP file, or it is cut short"),
        (zipped(TWO)[:60], "is not a ZIP file, or it is cut short"),
        (RED, "is not a ZIP file, or it is cut short"),
        (b"", "is not a ZIP file, or it is cut short"),
    ],
)
def test_a_zip_that_no_honest_person_packs_is_refused_whole(archive, files, reason):
    with pytest.raises(Misuse, match=rf"photos\.zip.* {reason}"):
        archive(files)


@pytest.mark.parametrize("compression", [ZIP_BZIP2, ZIP_LZMA])
def test_only_what_can_be_inflated_in_parts_is_taken(archive, compression):
    with pytest.raises(Misuse, match="is packed in an unusual way"):
        archive(TWO, compression=compression)


def test_too_many_entries_are_refused(archive, monkeypatch):
    monkeypatch.setattr(albums, "MAX_ENTRIES", 2)
    assert archive(TWO).photos == list(TWO)
    with pytest.raises(Misuse, match="has too many files, at most 2 are taken: split it"):
        archive({**TWO, "a/": b""})


def test_a_list_of_entries_too_long_for_the_memory_is_not_read(archive, monkeypatch):
    monkeypatch.setattr(albums, "MAX_DIRECTORY_BYTES", 100)
    with pytest.raises(Misuse, match="has too many files"):
        archive(TWO)


def test_a_photo_larger_than_the_zip_says_is_damaged(archive):
    found = archive(lying(zipped(TWO), 0, unpacked=10))
    with pytest.raises(Refused, match=r"image oak\.png: damaged in photos\.zip"):
        found.find("chair/oak.png").read()
    assert found.find("chair/pine.png").read() == RED


def test_a_photo_is_inflated_no_further_than_a_photo_may_be_large(archive, monkeypatch):
    monkeypatch.setattr(albums, "MAX_BYTES", 1000)
    found = archive({"chair/oak.png": bytes(5000)}, compression=ZIP_STORED)
    assert len(found.find("chair/oak.png").read()) == 1001


def test_damaged_content_is_refused_and_the_rest_is_read(archive):
    data = bytearray(zipped(TWO, ZIP_STORED))
    data[data.index(RED) + 20] ^= 0xFF
    found = archive(bytes(data))
    with pytest.raises(Refused, match="damaged"):
        found.find("chair/oak.png").read()
    assert found.find("chair/pine.png").read() == RED


def test_an_empty_zip_has_no_photos(archive, tmp_path):
    archive({})
    with pytest.raises(Misuse, match=r"such as chair/oak\.jpg"):
        read(tmp_path / "photos.zip")


def test_a_zip_has_one_product_for_each_photo_in_a_folder(archive, tmp_path):
    archive({"photos/chair/oak.png": RED, "photos/Lamp/low one.png": RED, "loose.png": RED})
    rows = list(read(tmp_path / "photos.zip"))
    assert [(row.place, row.sku) for row in rows] == [
        ("loose.png", ""),
        ("photos/Lamp/low one.png", "lamp-low-one"),
        ("photos/chair/oak.png", "chair-oak"),
    ]
    assert isinstance(rows[1], ProductRow)
    assert (rows[1].name, rows[1].category, rows[1].photos[0].read()) == ("low one", "Lamp", RED)
    assert isinstance(rows[0], RefusedRow)
    assert rows[0].reason == "it lies in no folder; the folder's name is the category"


def test_a_csv_file_in_a_zip_is_the_catalogue(archive, tmp_path):
    archive({"shop/a.csv": b"sku,name,category,image\nCH-1,Oak,Chair,red.png\n", "shop/red.png": RED})
    rows = read(tmp_path / "photos.zip")
    assert (rows.unit, rows.count) == ("line", 1)
    [row] = rows
    assert isinstance(row, ProductRow)
    assert (row.sku, row.photos[0].read()) == ("CH-1", RED)


def test_of_several_csv_files_none_is_the_catalogue(archive, tmp_path):
    archive({"a.csv": b"x", "b.csv": b"x"})
    with pytest.raises(Misuse, match=r"has several CSV files, such as a\.csv and b\.csv: keep one"):
        read(tmp_path / "photos.zip")


def test_photos_of_a_csv_file_may_lie_in_a_zip(archive, tmp_path):
    archive({"red.png": RED})
    (tmp_path / "catalog.csv").write_text("sku,name,category,image\nCH-1,Oak,Chair,red.png\nCH-2,Oak,Chair,no.png\n")
    first, second = read(tmp_path / "catalog.csv", tmp_path / "photos.zip")
    assert isinstance(first, ProductRow)
    assert first.photos[0].read() == RED
    assert second == RefusedRow("3", "CH-2", f"image no.png: no such file in {tmp_path / 'photos.zip'}")
