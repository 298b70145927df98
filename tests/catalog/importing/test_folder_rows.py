import os
from unicodedata import normalize

import pytest

from catalog.importing.albums import DiskPhoto, Misuse
from catalog.importing.recognition import read
from catalog.importing.rows import ProductRow, RefusedRow


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
    ]
    assert read(tmp_path).count == 2


def test_a_file_name_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "chair").mkdir()
    (tmp_path / os.fsdecode(b"chair/st\xfchl.jpg")).touch()
    assert rows(tmp_path) == [RefusedRow("chair/st�hl.jpg", "", "its name is not in UTF-8")]


def test_a_folder_without_photos_in_folders_is_misuse(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(Misuse, match=r"such as chair/oak\.jpg"):
        read(tmp_path)


def test_what_a_mac_decomposed_is_composed_and_its_file_is_found(tmp_path):
    photo = tmp_path / normalize("NFD", "Stühle/grün.jpg")
    photo.parent.mkdir()
    photo.touch()
    [row] = rows(tmp_path)
    assert (row.sku, row.name, row.category, row.photos) == ("stühle-grün", "grün", "Stühle", (DiskPhoto(photo),))
