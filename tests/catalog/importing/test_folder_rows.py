import os
from unicodedata import normalize

import pytest

from catalog.importing.albums import DiskPhoto, Misuse
from catalog.importing.folder_rows import FolderRows
from catalog.importing.recognition import read
from catalog.importing.rows import ProductRow, RefusedRow
from tests.zips import zipped


def rows(path):
    return list(read(path))


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
