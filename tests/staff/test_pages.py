"""The staff's admin in a real browser."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from search import head_training
from staff.dashboard import KEPT
from tests.conftest import Watched, picture
from tests.storefront.conftest import in_thread

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

DROP = """files => {
    const data = new DataTransfer();
    for (const [name, type, bytes] of files) data.items.add(new File([new Uint8Array(bytes)], name, { type }));
    for (const kind of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def shop(space, indexed_shop) -> str:
    """Train a head. Returns the session of the shop's owner."""
    head_training.train(space)
    client = Client()
    client.force_login(User.objects.create_superuser("owner"))
    return client.cookies["sessionid"].value


@pytest.fixture
def page(shop, live_server, watched: Watched) -> Iterator[Page]:
    """A page of the owner's. The test fails if it complained or asked any other host."""
    watched.page.context.add_cookies([{"name": "sessionid", "value": shop, "url": live_server.url}])
    watched.page.goto(f"{live_server.url}{reverse('admin:index')}")
    yield watched.page
    assert watched.complaints == []
    assert all(url.startswith((live_server.url, "blob:", "data:")) for url in watched.requests)


def test_the_dashboard_leads_to_a_product_that_photos_are_dropped_on(page):
    expect(page.get_by_role("link", name="Products 12")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("Lamp")
    page.get_by_role("link", name="Products 12").click()
    page.get_by_role("link", name="bed 2").click()
    expect(page.get_by_text("Drop photos anywhere on this page")).to_be_visible()

    files = [("red.png", "image/png", picture("red")), ("blue.png", "image/png", picture("blue"))]
    page.evaluate(DROP, [[name, kind, list(data)] for name, kind, data in files])
    wrong = [["prices.pdf", "application/pdf", [37, 80]], ["torn.png", "image/png", list(picture("red"))[:40]]]
    page.evaluate(DROP, [*wrong, ["red.png", "image/png", list(picture("red"))]])
    expect(page.get_by_text("prices.pdf: this is no photo that can be shown on a page.")).to_be_visible()
    expect(page.get_by_text("torn.png: this photo is damaged, or in a format that cannot be read.")).to_be_visible()
    chosen = page.get_by_role("list", name="Photos to be added").get_by_role("listitem")
    expect(chosen).to_have_count(3)
    page.get_by_role("button", name="Take back blue.png").click()
    expect(chosen).to_have_count(2)
    expect(page.get_by_text("2 photos, 1 KB, added when you save.")).to_be_visible()

    page.set_input_files(
        "input[name=new_photos]", {"name": "navy.png", "mimeType": "image/png", "buffer": picture("navy")}
    )
    expect(chosen).to_have_count(3)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Photos: 2 added, 1 were there already.")).to_be_visible()
    expect(page.get_by_text("2 pending")).to_be_visible()


def test_a_search_is_tried(page):
    page.get_by_text("Try a search", exact=True).click()
    page.set_input_files(
        "input[name=image]", {"name": "mine.png", "mimeType": "image/png", "buffer": picture((250, 0, 0))}
    )
    page.get_by_label("Categories").select_option("lamp")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("You chose the categories.")).to_be_visible()
    expect(page.get_by_role("heading", name="6 matches in grid")).to_be_visible()
    expect(page.get_by_role("link", name="lamp 1", exact=True)).to_be_visible()
    expect(page.get_by_alt_text("The photo searched with")).to_be_visible()


def test_the_dashboard_keeps_up_without_losing_the_place(page, photo, clock):
    clock[0] += KEPT
    in_thread(lambda: photo("navy", "lamp"))
    page.clock.install()
    page.reload()
    page.evaluate("window.sameDocument = true")
    expect(page.get_by_role("link", name="Pending 1")).to_be_visible()
    in_thread(lambda: photo("olive", "lamp"))
    clock[0] += KEPT
    page.get_by_role("link", name="Products 13").focus()
    page.clock.run_for(16_000)
    expect(page.get_by_role("link", name="Products 13")).to_be_focused()
    page.get_by_role("link", name="Products 13").blur()
    page.clock.run_for(16_000)
    expect(page.get_by_role("link", name="Pending 2")).to_be_visible()
    assert page.evaluate("window.sameDocument")


def test_the_search_box_finds_pages_of_the_admin(admin_client):
    found = admin_client.get("/admin/search/?extended=1&s=prod")
    assert found.status_code == 200
    assert "Products" in found.content.decode()
    assert len(found.content) < 20_000
    assert "<h1" in admin_client.get("/admin/search/").content.decode()


def test_a_key_is_made_copied_once_rotated_and_revoked(page):
    page.get_by_role("link", name="API keys").click()
    page.get_by_role("link", name="Add API key").first.click()
    page.get_by_label("Name").fill("web page")
    page.get_by_label("Kind").select_option("pk")
    page.get_by_label("search: by photo").check()
    page.get_by_label("Origins").fill("https://shop.example")
    page.get_by_role("button", name="Save", exact=True).click()
    first = page.locator("#secret").inner_text()
    assert first.startswith("pk_")

    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="web page").click()
    expect(page.get_by_text(first)).to_have_count(0)
    page.get_by_role("button", name="Rotate: a new secret").click()
    expect(page.get_by_text("The former one works until")).to_be_visible()
    assert page.locator("#secret").inner_text() != first

    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="web page").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("is revoked. Requests with it are refused from now on.")).to_be_visible()
    expect(page.get_by_role("button", name="Rotate: a new secret")).to_have_count(0)


@pytest.mark.parametrize("name", ["admin:access_key_add", "admin:catalog_import_add", "admin:catalog_product_add"])
def test_no_form_is_wider_than_a_phone(page, live_server, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}{reverse(name)}")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for field in page.locator("form label:visible").all():
        assert field.evaluate("(label) => label.getBoundingClientRect().right <= innerWidth")


def test_a_secret_is_seen_whole_on_a_phone(page, live_server):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{live_server.url}{reverse('admin:access_key_add')}")
    page.get_by_label("Name").fill("Web page")
    page.get_by_label("search: by photo").check()
    page.get_by_label("Origins").fill("https://shop.example")
    page.get_by_role("button", name="Save", exact=True).click()
    secret = page.locator("#secret")
    expect(secret).to_contain_text("pk_")
    assert secret.evaluate("(code) => code.getBoundingClientRect().right <= innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
