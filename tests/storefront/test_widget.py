"""The widget on a page of another origin under a strict policy, in a real browser, with a real key."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Page, expect

from access.models import Key
from catalog.models import Product
from tests.conftest import Watched
from tests.storefront.conftest import in_thread, picture, two_rugs
from tests.storefront.gateway import gateway
from tests.storefront.shop_of_somebody import Shop, make_key, served
from tests.storefront.shop_page import SEARCH, events, fail
from tests.storefront.widget_page import GIVE, HEARD, choose, dialog, found, heard, opener

pytestmark = pytest.mark.slow


@pytest.fixture
def shops(running_shop) -> Iterator[tuple[Shop, Shop]]:
    with ExitStack() as stack:
        yield stack.enter_context(served(running_shop)), stack.enter_context(served(running_shop))
    in_thread(lambda: Key.objects.all().delete())


@pytest.fixture
def somebodys(shops) -> Shop:
    return shops[0]


@pytest.fixture
def page(watched) -> Iterator[Page]:
    """It counts what the widget tells. The test fails if something was complained of, or forbidden by the policy."""
    watched.page.add_init_script(f"({HEARD})()")
    yield watched.page
    assert watched.complaints == []
    assert heard(watched.page, "violation") == []


def test_a_shops_page_finds_products_that_look_like_a_photo(somebodys, page, running_shop):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    expect(page.get_by_role("button", name="Choose a photo")).to_be_focused()
    choose(page, picture("red", "stripes"))
    expect(page.get_by_role("heading", name="13 matches")).to_be_focused()
    assert found(page)[0] == "Red stripes"
    card = page.locator(".results .card").first
    expect(card.locator(".price")).to_have_text("€100.50")
    expect(card.get_by_role("link")).to_have_attribute("href", "https://shop.example/red")
    photo = card.locator("img")
    expect(photo).to_have_attribute("src", re.compile(f"^{running_shop}/media/"))
    photo.evaluate("(photo) => photo.decode()")  # Lamplight lets the page show it.
    assert page.locator("canvas").evaluate("(canvas) => [canvas.width, canvas.height]") == [160, 160]
    [results] = heard(page, "results")
    assert results["results"][0]["product"]["sku"] == "stripes-red"


def test_what_a_customer_opens_is_told_to_the_page_and_to_lamplight(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin), attributes='link="/p/{sku}"'))
    opener(page).click()
    choose(page, picture("blue", "dots"))
    assert found(page)[0] == "Blue dots"
    page.evaluate("document.addEventListener('lamplight:select', (event) => event.preventDefault(), { once: true })")
    with page.expect_response("**/api/v1/events/") as told:
        page.locator(".results .card").nth(1).get_by_role("link").click()
    assert told.value.status == 201
    [chosen] = heard(page, "select")
    assert chosen["position"] == 2
    assert chosen["url"] == f"{somebodys.origin}/p/{chosen['sku']}"
    assert page.url == f"{somebodys.origin}/"  # The page goes there itself.
    assert events("click")[0] == (chosen["sku"], 2, None)
    page.locator(".results .card").first.get_by_role("link").click()
    page.wait_for_url(f"{somebodys.origin}/p/dots-blue")


def test_the_things_in_a_photo_are_chosen_and_a_part_is_drawn(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    choose(page, two_rugs())
    things = page.get_by_role("group", name="Things in your photo")
    expect(things.get_by_role("button").first).to_have_attribute("aria-pressed", "true")
    first = found(page)
    things.get_by_role("button").nth(1).click()
    expect(things.get_by_role("button").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(things.get_by_role("button").nth(1)).to_be_focused()
    assert found(page) != first
    page.get_by_role("button", name="Whole photo").click()
    expect(page.locator(".box")).to_be_hidden()
    expect(things.get_by_role("button", pressed=True)).to_have_count(0)
    frame = page.locator(".frame").bounding_box()
    assert frame
    with page.expect_response("**/api/v1/search/"):
        page.mouse.move(frame["x"] + frame["width"] * 0.5, frame["y"] + 1)
        page.mouse.down()
        page.mouse.move(frame["x"] + frame["width"] + 20, frame["y"] + frame["height"] + 20, steps=5)
        page.mouse.up()
    expect(page.locator("#box-where")).to_have_text(
        re.compile("^(49|50)% of the width .* 5[01]% from the left and <1% from")
    )
    expect(page.locator(".box")).to_be_visible()
    assert found(page)[0].endswith(" dots")
    things.get_by_role("button").first.click()
    assert found(page) == first


def test_photos_are_taken_dropped_and_given_by_the_page(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    page.locator("lamplight-search").evaluate(
        "(search, bytes) => search.search(new File([new Uint8Array(bytes)], 'mine.png', { type: 'image/png' }))",
        list(picture("blue", "stripes")),
    )
    assert found(page)[0] == "Blue stripes"
    page.evaluate(GIVE, ["drop", list(picture("pink", "dots"))])
    expect(page.locator(".results .name").first).to_have_text("Pink dots")
    page.evaluate(GIVE, ["drop", None])
    expect(page.get_by_role("alert")).to_contain_text("There was no photo file in that.")
    assert found(page)[0] == "Pink dots"
    camera = page.locator("lamplight-search input[capture=environment]")
    camera.set_input_files({"name": "mine.png", "mimeType": "image/png", "buffer": picture("teal", "stripes")})
    expect(page.locator(".results .name").first).to_have_text("Teal stripes")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_words_say_what_shall_differ(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    choose(page, picture("red", "stripes"))
    assert found(page)[0] == "Red stripes"
    page.get_by_label("What shall differ").fill("under 300, 80 cm")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Take off “under 300”")).to_be_visible()
    expect(page.get_by_text("Not understood: “80 cm”.")).to_be_visible()
    assert sorted(found(page)) == ["Green stripes", "Red stripes"]
    page.get_by_role("button", name="Take off “under 300”").click()
    expect(page.get_by_role("button", name="Take off “under 300”")).to_be_hidden()
    expect(page.get_by_label("What shall differ")).to_have_value("80 cm")
    expect(page.get_by_role("heading", name="13 matches")).to_be_visible()


def test_the_keyboard_does_everything(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    page.get_by_label("Search", exact=True).focus()
    page.keyboard.press("Tab")
    expect(opener(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_visible()
    page.evaluate(GIVE, ["paste", list(picture("red", "dots"))])
    assert found(page)[0] == "Red dots"
    page.get_by_role("button", name="Select a part").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Selected part", exact=True)).to_be_focused()
    page.keyboard.press("Escape")  # It takes the box back, and leaves the dialog open.
    expect(page.get_by_role("button", name="Select a part")).to_be_focused()
    page.keyboard.press("Enter")
    with page.expect_request("**/api/v1/search/"):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Whole photo")).to_be_visible()
    found(page)
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(opener(page)).to_be_focused()
    while not heard(page, "close"):  # The browser tells of it by and by.
        page.wait_for_timeout(20)
    assert [name for name, _ in page.evaluate("heard") if name in ("open", "close")] == ["open", "close"]
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_visible()
    assert found(page)  # What was found is still there.


def test_a_row_of_look_alikes_shows_where_there_are_some(somebodys, page, watched):
    below = "".join(
        f'<lamplight-similar sku="{sku}" key="KEY" link="/p/{{sku}}"></lamplight-similar>'
        for sku in ("stripes-red", "no-such-sku")
    )
    key = make_key(somebodys.origin)
    lonely = in_thread(lambda: Product.objects.create(sku="lonely", name="Lonely", category_id=category_of("dots")))
    try:
        below += '<lamplight-similar sku="lonely" key="KEY"></lamplight-similar>'
        page.goto(somebodys.show(key, below=below.replace("KEY", key)))
        row, none, alone = (page.locator("lamplight-similar").nth(place) for place in range(3))
        expect(row.get_by_role("heading", name="Similar products")).to_be_visible()
        expect(row.get_by_role("listitem")).to_have_count(12)
        expect(row.get_by_role("link").first).to_have_attribute("href", re.compile("/p/stripes-"))
        expect(none).to_be_hidden()
        expect(alone).to_be_hidden()
        page.set_viewport_size({"width": 390, "height": 844})
        assert row.locator(".row").evaluate("(row) => row.scrollWidth > row.clientWidth")
        before = len(events("click"))
        row.get_by_role("link").nth(2).click()
        page.wait_for_url("**/p/*")  # The page is left, and the event arrives all the same.
        while len(told := events("click")) == before:
            page.wait_for_timeout(50)
        assert told[0][1] == 3
        [note] = watched.complaints  # Chromium's own, of the product that is not there.
        assert "404" in note
        watched.complaints.clear()
    finally:
        in_thread(lonely.delete)


def category_of(slug: str) -> int:
    return Product.objects.filter(category__slug=slug).values_list("category", flat=True)[0]


def test_it_speaks_the_pages_language_and_the_shops_own_words(somebodys, page):
    own = json.dumps({"choose": "Bild wählen", "matches_other": "{count} Stück"})
    inside = f'<script type="application/json">{own}</script>'
    page.goto(somebodys.show(make_key(somebodys.origin), lang="de-AT", inside=inside))
    page.get_by_role("button", name="Mit einem Foto suchen").click()
    choose(page, picture("red", "stripes"), "Bild wählen")
    expect(page.get_by_role("heading", name="13 Stück")).to_be_visible()
    expect(page.locator(".results .price").first).to_have_text(re.compile("€.?100,50"))
    expect(page.locator(".results .stock").first).to_have_text("Ausverkauft")
    page.locator("lamplight-search").evaluate("(search) => { search.lang = 'fr'; search.texts = {}; }")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Rechercher avec une photo")).to_be_visible()
    page.locator("lamplight-search").evaluate("(search) => { search.lang = 'es'; search.texts = { button: 'Foto' }; }")
    expect(page.get_by_role("button", name="Foto", exact=True)).to_be_visible()


def test_a_wrong_key_and_a_page_of_another_origin_are_told_what_is_wrong(shops, watched, running_shop):
    somebodys, other = shops
    key = make_key(somebodys.origin)
    page = watched.page
    page.add_init_script(f"({HEARD})()")
    for address, reason in [
        (somebodys.show("pk_" + "0" * 40), "refuses the key"),
        (other.show(key), f"answers no page of {other.origin}: add this origin to the key's."),
    ]:
        watched.complaints.clear()
        page.goto(address)
        opener(page).click()
        choose(page, picture("red", "stripes"))
        expect(page.get_by_role("alert")).to_have_text("Searching with a photo does not work on this page right now.")
        assert any(reason in told for told in watched.complaints)
        assert heard(page, "error")
        assert heard(page, "violation") == []
        expect(page.get_by_role("button", name="Another photo")).to_be_focused()


def test_what_a_shop_wrote_wrongly_is_told_in_its_console(somebodys, watched):
    key = make_key(somebodys.origin)
    inside = '<script type="application/json">{"titel": "Foto", "title": 7, "matches_few": "{count}"}</script>'
    broken = f'<lamplight-similar sku="stripes-red" key="{key}" limit="500"></lamplight-similar>'
    watched.page.goto(somebodys.show(key, attributes='link="http://["', inside=inside, below=broken))
    opener(watched.page).click()
    choose(watched.page, picture("red", "stripes"))
    expect(watched.page.locator(".results").get_by_role("button", name="Red stripes")).to_be_visible()
    told = "\n".join(watched.complaints)
    assert "<lamplight-search>: it has no such texts: titel, title." in told
    assert "cannot do what is asked: Ensure this value is less than or equal to 100." in told
    watched.page.locator("lamplight-search").evaluate("(search) => { search.setAttribute('api', 'http://['); }")
    expect(opener(watched.page)).to_be_visible()
    assert watched.complaints[-1] == "<lamplight-search>: the attribute api is no address: http://[."


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (429, {"Retry-After": "20"}, "{}", "a lot of searches in a short time. Try again in 20 seconds."),
        (429, {"Retry-After": "864000"}, "{}", "are used up. Try again in 10 days, or search in words."),
        (503, {"Retry-After": "2"}, "{}", "Searching is not possible right now. Try again in 2 seconds."),
        (200, {}, "{}", "Something broke in the shop. Try again in a moment."),
    ],
)
def test_each_failure_is_told_with_its_cure(somebodys, watched, status, headers, body, told):
    page = watched.page
    page.goto(somebodys.show(make_key(somebodys.origin)))
    allowed = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
    fail(page, status, headers | allowed, body)
    opener(page).click()
    choose(page, picture("red", "stripes"))
    expect(page.get_by_role("alert")).to_contain_text(told)
    again = page.get_by_role("button", name="Try again")
    if "10 days" in told:
        expect(again).to_be_hidden()
        return
    expect(again).to_be_focused()
    page.unroute(SEARCH)
    again.click()
    expect(page.get_by_role("heading", name="13 matches")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.parametrize("failure", ["down", "drops"])
def test_a_connection_that_fails_is_not_taken_for_a_refusal(running_shop, watched, failure):
    page = watched.page
    with gateway(running_shop) as before, served(before.address) as shop:
        page.goto(shop.show(make_key(shop.origin)))
        opener(page).click()
        before.failure = failure
        choose(page, picture("red", "stripes"))
        told = "The shop cannot be reached. Check your connection, then try again."
        expect(page.get_by_role("alert")).to_have_text(told)
        before.failure = ""
        page.get_by_role("button", name="Try again").click()
        assert found(page)[0] == "Red stripes"
        assert not any("answers no page" in told for told in watched.complaints)
        page.goto("about:blank")
    in_thread(lambda: Key.objects.all().delete())


def test_what_is_no_photo_and_who_is_offline_is_told(somebodys, watched):
    page = watched.page
    page.goto(somebodys.show(make_key(somebodys.origin), lang="de"))
    page.get_by_role("button", name="Mit einem Foto suchen").click()
    choose(page, b"not a photo", "Foto auswählen", "notes.txt")
    expect(page.get_by_role("alert")).to_contain_text("lässt sich nicht als Foto lesen")
    expect(page.get_by_text("Ihr Browser kann diese Datei nicht zeigen")).to_be_visible()
    page.evaluate(GIVE, ["drop", None])
    page.context.set_offline(True)
    choose(page, picture("red", "stripes"), "Anderes Foto")
    expect(page.get_by_role("alert")).to_contain_text("Sie sind offline.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Noch einmal versuchen").click()
    assert found(page)[0] == "Red stripes"


@pytest.mark.parametrize(("width", "height", "scheme"), [(1280, 900, "light"), (390, 844, "dark")])
def test_it_has_no_serious_barrier_and_fits_the_screen(somebodys, browser, width, height, scheme):
    docs = settings.BASE_DIR / "docs" / "widget.md"
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    page = Watched.in_context(context).page
    key = make_key(somebodys.origin)
    below = f'<lamplight-similar sku="stripes-red" key="{key}"></lamplight-similar>'
    page.goto(somebodys.show(key, below=below))
    page.evaluate("document.documentElement.style.colorScheme = 'light dark'")
    # The colours that the docs give as an example.
    for name, colour in re.findall(r"^  (--lamplight-\S+): (light-dark.*);", docs.read_text(), re.MULTILINE):
        page.evaluate("([name, colour]) => document.documentElement.style.setProperty(name, colour)", [name, colour])
    expect(page.locator("lamplight-similar").get_by_role("heading")).to_be_visible()
    barriers = [found_by_axe(page)]
    opener(page).click()
    barriers.append(found_by_axe(page))
    choose(page, two_rugs())
    found(page)
    barriers.append(found_by_axe(page))
    page.get_by_label("What shall differ").fill("not large, under 10, 80 cm")
    page.keyboard.press("Enter")
    expect(page.locator(".taken").get_by_role("button").first).to_be_visible()
    barriers.append(found_by_axe(page))
    assert barriers == [[], [], [], []]
    for element in ("html", "dialog"):
        assert page.locator(element).evaluate("(one) => one.scrollWidth <= Math.max(one.clientWidth, innerWidth)")
    context.close()


def found_by_axe(page: Page) -> list[str]:
    """Rules that are broken, and where."""
    broken = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in broken for node in one["nodes"]]
