import io
import json

import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image

from catalog.models import Photo
from catalog.photos import add_photo
from ml.images import FINGERPRINT_BYTES, SAME_PICTURE
from search import duplicates, grouping
from tests.conftest import picture
from tests.search.test_grouping import Seen, plain

pytestmark = pytest.mark.django_db


def grouped() -> list[list[str]]:
    return [[photo.product.sku for photo in group] for group in duplicates.groups()]


def test_a_picture_under_several_products_is_a_group_in_any_category(product, photo):
    lamp, bed, chair = product("lamp", sku="lamp"), product("bed", sku="bed"), product("chair", sku="chair")
    photo("red", of=lamp)
    photo("blue", of=bed)
    photo("white", of=chair)
    add_photo(bed, picture("red", (200, 200), "JPEG"))
    photo("blue", of=chair)
    assert grouped() == [["lamp", "bed"], ["bed", "chair"]]


def test_a_picture_twice_under_one_product_is_no_group(product, photo):
    lamp = product("lamp")
    photo("red", of=lamp)
    add_photo(lamp, picture("red", (200, 200), "JPEG"))
    assert grouped() == []


def test_an_empty_catalogue_has_no_groups(db):
    assert grouped() == []


def test_each_group_is_of_what_its_first_photo_shows(photo):
    for number, value in enumerate((100, 100 + SAME_PICTURE, 100 + 2 * SAME_PICTURE, 100 - SAME_PICTURE)):
        one = photo((number * 60, 0, 0), sku=f"grey-{number}")
        Photo.objects.filter(pk=one.pk).update(fingerprint=plain(value))
    assert grouped() == [["grey-0", "grey-1", "grey-3"]]


def test_the_groups_are_those_that_comparing_all_pairs_finds(product, media):
    rng = np.random.default_rng(3)
    bases = rng.integers(0, 256, (40, FINGERPRINT_BYTES))
    grids = np.repeat(bases, 3, axis=0) + rng.integers(-9, 10, (120, FINGERPRINT_BYTES)) * (rng.random((120, 1)) < 0.7)
    grids = grids.clip(0, 255).astype(np.uint8)
    owners = [product("lamp", sku=f"{number:03}") for number in range(120)]
    Photo.objects.bulk_create(
        Photo(product=owner, sha256=owner.sku, width=1, height=1, fingerprint=grid.tobytes())
        for owner, grid in zip(owners, grids, strict=True)
    )
    expected: list[list[int]] = []
    for row, grid in enumerate(grids):
        apart = [np.abs(grids[group[0]].astype(int) - grid).max() for group in expected]
        same = [group for group, difference in zip(expected, apart, strict=True) if difference <= SAME_PICTURE]
        if same:
            same[0].append(row)
        else:
            expected.append([row])
    assert [[int(sku) for sku in group] for group in grouped()] == [group for group in expected if len(group) > 1]
    pictures = grouping.by_picture([Seen(row, grid.tobytes()) for row, grid in enumerate(grids)], 120, 120)
    assert [[seen.place for seen in picture] for picture in pictures] == expected
    assert len(expected) > 40


def test_the_command_lists_the_groups(photo, capsys):
    photo("red", "lamp", sku="A-1", name="Lamp")
    photo("red", "bed", sku="B-2", name="Bed")
    call_command("duplicates")
    first, second = Photo.objects.order_by("pk")
    assert capsys.readouterr().out.splitlines() == [
        "Under 2 products:",
        f"  A-1  Lamp, Lamp (photo {first.pk})",
        f"  B-2  Bed, Bed (photo {second.pk})",
        "1 picture is shown by more than one product.",
    ]


def test_the_command_writes_json(photo, capsys):
    first = photo("red", "lamp", sku="A-1", name="Lamp")
    second = photo("red", "bed", sku="B-2", name="Bed")
    call_command("duplicates", json=True)
    assert json.loads(capsys.readouterr().out) == [
        [
            {"sku": "A-1", "name": "Lamp", "category": "lamp", "photo": first.pk, "file": first.file.name},
            {"sku": "B-2", "name": "Bed", "category": "bed", "photo": second.pk, "file": second.file.name},
        ]
    ]


def test_the_command_takes_missing_fingerprints_first(product, media, capsys):
    image = Image.effect_mandelbrot((1600, 1200), (-2, -1, 1, 1), 20).convert("RGB")
    for number, quality in enumerate((90, 40)):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        add_photo(product("lamp", sku=str(number)), out.getvalue())
    before = list(Photo.objects.order_by("pk").values_list("fingerprint", flat=True))
    Photo.objects.update(fingerprint=b"")
    call_command("duplicates")
    assert "1 picture is shown" in capsys.readouterr().out
    after = Photo.objects.order_by("pk").values_list("fingerprint", flat=True)
    differences = [
        abs(a - b) for one, other in zip(before, after, strict=True) for a, b in zip(one, other, strict=True)
    ]
    assert max(differences) <= 2


def test_a_photo_that_cannot_be_read_is_named_and_left_out(photo, media, capsys):
    gone, damaged, silent, fine = photo("red"), photo("blue"), photo("green"), photo("white")
    Photo.objects.update(fingerprint=b"")
    (media / gone.file.name).unlink()
    (media / damaged.file.name).write_bytes(b"junk")
    (media / silent.file.name).unlink()
    (media / silent.file.name).mkdir()
    call_command("duplicates")
    said = capsys.readouterr()
    assert f"Left out: photo {gone.pk} ({gone.file.name}): The file is missing from the photo storage." in said.err
    assert f"Left out: photo {damaged.pk} ({damaged.file.name}): This is not a photo we can read" in said.err
    assert f"Left out: photo {silent.pk} ({silent.file.name}): The photo storage did not answer: " in said.err
    assert list(duplicates.without_fingerprint().order_by("pk")) == [gone, damaged, silent]
    fine.refresh_from_db()
    assert fine.fingerprint
