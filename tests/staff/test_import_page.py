"""An import in a real browser: sent, watched, confirmed, watched, its report downloaded."""

from pathlib import Path
from threading import Thread

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from playwright.sync_api import expect

from catalog.importing import jobs
from catalog.importing.importer import BATCH
from catalog.models import Product
from tests.conftest import picture
from tests.zips import zipped

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROWS = 2 * BATCH


@pytest.fixture(autouse=True)
def root(settings, tmp_path):
    settings.IMPORTS_ROOT = tmp_path / "imports"


@pytest.fixture
def session():
    """The session of somebody who may import and nothing else."""
    user = User.objects.create_user("ida", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_import"))
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def in_thread(act):
    """Run `act` in a thread and give its result: this one has Playwright's event loop, where Django refuses queries."""
    given = []

    def run():
        given.append(act())
        connections.close_all()

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return given[0]


def a_batch():
    in_thread(lambda: jobs.work(0))


def test_a_catalogue_is_sent_watched_and_imported(live_server, session, tmp_path, watched):
    lines = [f"CH-{number},Oak,Chair,red.png" for number in range(ROWS - 1)]
    (tmp_path / "shop.csv").write_text("\n".join(["sku,name,category,image", *lines, "CH-X,,Chair,"]))
    (tmp_path / "photos.zip").write_bytes(zipped({"red.png": picture("red")}))
    page = watched.page
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])

    page.goto(f"{live_server.url}/admin/catalog/import/add/")
    page.set_input_files("input[name=csv]", tmp_path / "shop.csv")
    page.set_input_files("input[name=photos]", tmp_path / "photos.zip")
    page.get_by_role("button", name="Send and check").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()

    a_batch()
    expect(page.get_by_text(f"{BATCH} of {ROWS} rows")).to_be_visible()
    expect(page.locator("#import-said")).to_have_text("50%")
    a_batch()
    expect(page.get_by_role("heading", name="Ready to import")).to_be_visible()
    expect(page.get_by_text(f"{ROWS - 1} to add")).to_be_visible()
    assert in_thread(Product.objects.count) == 0

    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Waiting to be imported")).to_be_visible()
    a_batch()
    expect(page.get_by_role("heading", name="Importing")).to_be_visible()
    assert page.get_by_role("progressbar").get_attribute("value") == str(BATCH)
    a_batch()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    expect(page.get_by_text(f"{ROWS - 1} added", exact=True)).to_be_visible()

    page.get_by_role("link", name="1 refused").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the refused rows").click()
    report = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert report.splitlines() == ["line,sku,reason", f"{ROWS + 1},CH-X,no name"]
    assert in_thread(Product.objects.count) == ROWS - 1
    assert watched.complaints == []
