"""A true worker process, killed in the middle of an import: the next one goes on, and nothing is lost or done twice."""

from pathlib import Path

import pytest

from tests.conftest import picture
from tests.installation import Installation, wait_for
from tests.zips import zipped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
ROWS = 600  # They take longer to import than the command that starts the import takes to end.

SEND = """
from pathlib import Path
from django.core.files import File
from catalog.models import Import
sent = Import(csv_name="catalog.csv", photos_name="photos.zip")
for name in ("csv", "photos"):
    with Path({folder!r}, name).open("rb") as file:
        getattr(sent, name).save(name, File(file), save=False)
sent.save()
"""
START = "from catalog import models; from catalog.importing import jobs; assert jobs.start(models.Import.objects.get())"


def send(shop: Installation, folder: Path) -> None:
    """ROWS products, each with a photo of its own; the first one comes again at the end, with other data."""
    lines = [f"CH-{number},Oak,Chair,{number}.png" for number in range(ROWS)]
    (folder / "csv").write_text("\n".join(["sku,name,category,image", *lines, "CH-0,Pine,Chair,"]))
    colours = {f"{number}.png": picture((number % 256, number // 256, 9), (256, 256)) for number in range(ROWS)}
    (folder / "photos").write_bytes(zipped(colours))
    shop.manage("shell", "-c", SEND.format(folder=str(folder)))


def state(shop: Installation) -> str:
    [(state,)] = shop.rows("SELECT state FROM catalog_import")
    return str(state)


def done(shop: Installation) -> int:
    [(done,)] = shop.rows("SELECT done FROM catalog_import")
    return int(done)


def test_an_import_whose_worker_is_killed_goes_on_and_ends_as_if_it_had_not_been(tmp_path):
    with Installation(tmp_path / "var") as shop:
        send(shop, tmp_path)
        worker = shop.worker()
        wait_for(lambda: state(shop) == "checked", "the check")
        assert shop.count("catalog_product") == 0
        shop.manage("shell", "-c", START)
        wait_for(lambda: state(shop) == "running" and done(shop) > 0, "the first batch")
        shop.kill(worker)
        assert state(shop) == "running"
        assert done(shop) == shop.count("catalog_product") < ROWS

        shop.worker()
        wait_for(lambda: state(shop) == "done", "the import")
        told = shop.rows("SELECT added, updated, unchanged, refused, photos_added FROM catalog_import")
        assert told == [(ROWS, 0, 0, 1, ROWS)]
        assert shop.count("catalog_product") == shop.count("catalog_photo") == ROWS
        assert shop.rows("SELECT name FROM catalog_product WHERE sku = 'CH-0'") == [("Oak",)]
        wait_for(lambda: list((shop.var / "imports").iterdir()) == [], "the files to be gone")
