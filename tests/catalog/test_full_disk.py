"""Every door at which a photo comes in says that the disk is full, stores nothing, and goes on once there is room."""

import os
from pathlib import Path

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image

from catalog.models import Photo, Product
from tests.catalog.test_storage import files
from tests.conftest import picture
from tests.small_disks import SmallDisk

pytestmark = pytest.mark.django_db(transaction=True)
FULL = "The disk for photos is full. Nothing was stored."


@pytest.fixture
def disk(small_disk, settings) -> SmallDisk:
    """A full disk for photos."""
    disk = small_disk()
    settings.MEDIA_ROOT = disk.folder
    disk.fill()
    return disk


def sent() -> SimpleUploadedFile:
    return SimpleUploadedFile("red.png", picture("red"), "image/png")


def test_the_api_says_that_the_disk_is_full(editor, product, disk):
    address = f"/api/v1/products/{product().sku}/photos/"
    answer = editor.post(address, {"image": sent()})
    [error] = answer.json()["errors"]
    assert (answer.status_code, answer.json()["type"], error["code"]) == (507, "server_error", "storage_full")
    assert error["detail"] == "The disk is full. Nothing was stored. Free some space, then send it again."
    assert (Photo.objects.count(), files(disk.folder)) == (0, ["ballast"])
    disk.free()
    assert editor.post(address, {"image": sent()}).status_code == 201


def test_the_admin_says_that_the_disk_is_full_and_keeps_the_product(admin_client, category, disk):
    form = {"sku": "LAM-1", "name": "Lamp", "category": category("lamp").pk, "attributes": "{}", "currency": "EUR"}
    form |= {"photos-TOTAL_FORMS": 0, "photos-INITIAL_FORMS": 0, "new_photos": sent()}
    answer = admin_client.post("/admin/catalog/product/add/", form)
    assert answer.status_code == 302
    assert f"No photo was added. {FULL}" in [str(message) for message in get_messages(answer.wsgi_request)]
    assert (Product.objects.count(), Photo.objects.count(), files(disk.folder)) == (1, 0, ["ballast"])


def test_an_upload_too_large_for_what_is_left_is_a_page_that_says_so(admin_client, small_disk, settings):
    """The middleware that looks for the CSRF token reads the form, so no view meets the error."""
    disk = small_disk()
    settings.FILE_UPLOAD_TEMP_DIR = str(disk.folder)
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    strict.cookies = admin_client.cookies
    strict.cookies["csrftoken"] = "a" * 32
    large = SimpleUploadedFile("large.png", os.urandom(6_000_000), "image/png")
    for client in (admin_client, strict):
        answer = client.post("/admin/catalog/product/add/", {"new_photos": large})
        assert (answer.status_code, answer["Retry-After"]) == (507, "5")
        assert "The disk is full. Nothing was stored." in answer.content.decode()
        large.seek(0)
    assert files(disk.folder) == []


def test_the_import_form_says_that_the_disk_is_full(admin_client, small_disk, settings):
    disk = small_disk()
    settings.IMPORTS_ROOT = disk.folder
    photos = SimpleUploadedFile("photos.zip", os.urandom(6_000_000), "application/zip")
    answer = admin_client.post("/admin/catalog/import/add/", {"photos": photos})
    assert answer.status_code == 507
    assert "The disk is full. Nothing was stored." in answer.content.decode()
    assert files(disk.folder) == []


def test_the_command_says_that_the_disk_is_full_and_goes_on_where_it_stopped(disk, tmp_path):
    (tmp_path / "shop" / "lamp").mkdir(parents=True)
    Image.effect_noise((64, 64), 50).save(tmp_path / "shop" / "lamp" / "oak.png")
    with pytest.raises(CommandError, match=f"^Stopped: {FULL} What went in stays; import again to go on.$"):
        call_command("import_catalog", tmp_path / "shop", quiet=True)
    assert (Product.objects.count(), files(disk.folder)) == (0, ["ballast"])
    disk.free()
    call_command("import_catalog", tmp_path / "shop", quiet=True)
    assert Photo.objects.count() == 1


def test_the_command_says_that_the_file_of_refused_rows_does_not_fit(small_disk, tmp_path):
    disk = small_disk()
    report = disk.folder / "refused.csv"
    report.touch()
    disk.fill()
    rows = "".join(f"{number},,lamp\n" for number in range(2000))
    Path(tmp_path / "shop.csv").write_text(f"sku,name,category\n{rows}")
    with pytest.raises(CommandError, match=r"^Stopped: .*No space left on device"):
        call_command("import_catalog", tmp_path / "shop.csv", errors=report, quiet=True)
