"""The widget on pages that move, hide, remove and render it as they like, and that listen to everything."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from access.models import Key
from tests.storefront.conftest import in_thread, picture, two_rugs
from tests.storefront.shop_of_somebody import Shop, make_key, served
from tests.storefront.shop_page import SEARCH
from tests.storefront.widget_page import HEARD, choose, dialog, found, heard, opener

pytestmark = pytest.mark.slow

PASTE = """([selector, bytes]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
    const given = { clipboardData: data, bubbles: true, cancelable: true, composed: true };
    document.querySelector(selector).dispatchEvent(new ClipboardEvent("paste", given));
}"""
SEARCH_BY = """(search, [bytes, closes]) => {
    if (closes) search.close();
    return search.search(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
}"""


@pytest.fixture
def somebodys(running_shop) -> Iterator[Shop]:
    with served(running_shop) as shop:
        yield shop
    in_thread(lambda: Key.objects.all().delete())


@pytest.fixture
def page(watched) -> Page:
    watched.page.add_init_script(f"({HEARD})()")
    return watched.page


def element(page: Page) -> Locator:
    return page.locator("lamplight-search")


def searches(page: Page) -> list[str]:
    """The searches that the page sends from here on."""
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url) if asked.url.endswith("/api/v1/search/") else None)
    return sent


def test_a_photo_that_is_given_right_after_closing_is_searched_by(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    element(page).evaluate(SEARCH_BY, [list(picture("red", "stripes")), True])
    assert found(page)[0] == "Red stripes"
    expect(dialog(page)).to_be_visible()
    assert [name for name, _ in page.evaluate("heard")] == ["open", "close", "open", "results"]


def test_what_changes_nothing_keeps_what_was_found(somebodys, page):
    sent = searches(page)
    page.goto(somebodys.show(make_key(somebodys.origin), attributes='lang="en"'))
    opener(page).click()
    choose(page, picture("red", "stripes"))
    assert found(page)[0] == "Red stripes"
    element(page).evaluate("""(search) => {
        search.setAttribute("limit", "3");
        search.setAttribute("lang", "en");
        search.texts = {};
    }""")
    page.wait_for_timeout(50)
    expect(dialog(page)).to_be_visible()
    assert found(page)[0] == "Red stripes"
    element(page).evaluate("(search) => document.body.moveBefore(search, null)")
    expect(dialog(page)).to_be_visible()
    element(page).evaluate("(search) => document.querySelector('main').append(search)")
    expect(dialog(page)).to_be_hidden()
    opener(page).click()
    assert found(page)[0] == "Red stripes"
    assert len(sent) == 1
    element(page).evaluate("(search) => { search.lang = 'de'; search.open(); }")  # It is made anew, and opens.
    expect(page.get_by_role("button", name="Foto auswählen")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("""() => {
        const one = document.createElement("lamplight-search");
        one.id = "one";
        document.body.append(one);
        one.open();
    }""")
    page.wait_for_timeout(50)
    assert page.locator("#one").evaluate("(one) => one.shadowRoot.querySelector('dialog').open")


def test_a_row_asks_once(somebodys, page):
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/similar/" in one.url else None)
    key = make_key(somebodys.origin)
    below = f'<lamplight-similar sku="stripes-red" key="{key}"></lamplight-similar>'
    address = somebodys.show(key, below=below)
    somebodys.pages["/"] = somebodys.pages["/"].replace("<script defer", "<script")
    page.goto(address)
    expect(page.get_by_role("heading", name="Similar products")).to_be_visible()
    page.locator("lamplight-similar").evaluate(
        "(row) => { document.body.append(row); row.setAttribute('limit', '5'); }"
    )
    expect(page.locator("lamplight-similar").get_by_role("listitem")).to_have_count(5)
    assert [re.findall(r"limit=(\d+)", url) for url in asked] == [["12"], ["5"]]


def test_an_element_that_is_taken_out_of_the_page_takes_no_photos(somebodys, page):
    sent = searches(page)
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    photo = list(picture("red", "stripes"))
    page.evaluate(PASTE, ["input", photo])  # A field of the page: it is none of the dialog's.
    element(page).evaluate("(search) => { window.gone = search; search.remove(); }")
    page.evaluate(PASTE, ["body", photo])
    page.evaluate("gone.open()")
    page.wait_for_timeout(300)
    assert sent == []
    page.evaluate("document.querySelector('main').append(gone)")
    opener(page).click()
    page.evaluate(PASTE, ["body", photo])  # Nothing has the focus.
    assert found(page)[0] == "Red stripes"
    assert len(sent) == 1


def test_a_dialog_that_does_not_show_blocks_no_page(somebodys, page, watched):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    element(page).evaluate("(search) => { search.hidden = true; search.open(); }")
    expect(dialog(page)).to_be_visible()
    expect(opener(page)).to_be_hidden()
    element(page).evaluate("(search) => { search.style.display = 'none'; }")  # As a narrow screen may have it.
    is_open = "(search) => search.shadowRoot.querySelector('dialog').open"
    while element(page).evaluate(is_open):
        page.wait_for_timeout(20)
    element(page).evaluate("(search) => search.open()")
    assert not element(page).evaluate(is_open)
    page.get_by_label("Search", exact=True).click()
    told = "its dialog cannot show: do not set display to none, but the attribute hidden"
    assert watched.complaints == [f"<lamplight-search>: {told}."] * 2
    while not heard(page, "close"):
        page.wait_for_timeout(20)
    assert [name for name, _ in page.evaluate("heard")] == ["open", "close"]


def test_an_image_by_the_name_of_the_script_gets_no_photos(somebodys, page):
    image = '<img name="currentScript" src="https://evil.example/widget.js" alt="">'
    page.goto(somebodys.show(make_key(somebodys.origin), below=image))
    expect(opener(page)).to_be_visible()
    assert page.evaluate("document.currentScript.src") == "https://evil.example/widget.js"
    assert element(page).evaluate("(search) => search.origin") == somebodys.origin


def test_what_is_typed_during_a_search_stays(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    choose(page, two_rugs())
    found(page)
    held: list[Route] = []
    page.route(SEARCH, lambda route: held.append(route))
    field = page.get_by_label("What shall differ")
    field.fill("under 300")
    field.press("Enter")
    field.press_sequentially(", red")
    # Another thing is chosen before the answer is there: the words count for it as well.
    page.get_by_role("group", name="Things in your photo").get_by_role("button").nth(1).click()
    while len(held) < 2:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    expect(page.get_by_role("button", name="Take off “under 300”")).to_be_visible()
    expect(field).to_have_value("under 300, red")
    second = page.get_by_role("group", name="Things in your photo").get_by_role("button").nth(1)
    expect(second).to_have_attribute("aria-pressed", "true")


def test_keys_in_the_dialog_are_none_of_the_pages(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    page.evaluate("""() => {
        window.keys = [];
        for (const name of ["keydown", "keyup", "input", "beforeinput"])
            document.addEventListener(name, () => keys.push(name));
    }""")
    opener(page).click()
    choose(page, picture("red", "stripes"))
    found(page)
    page.get_by_label("What shall differ").press_sequentially("/s")
    assert page.evaluate("keys") == []
    page.get_by_role("heading", name="13 matches").focus()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()


def test_what_was_refused_is_not_sent_again(somebodys, page):
    sent = searches(page)
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).click()
    choose(page, b"not a photo", name="notes.txt")
    expect(page.get_by_role("alert")).to_contain_text("photo")
    page.keyboard.press("Escape")
    opener(page).click()
    expect(page.get_by_role("alert")).to_contain_text("photo")
    page.wait_for_timeout(100)
    assert len(sent) == 1
    element(page).evaluate("(search) => search.search(new File([new Uint8Array(21e6)], 'large.png'))")
    expect(page.get_by_role("alert")).to_contain_text("That file has 21 MB, more than the shop takes.")
    assert len(sent) == 1
    refusal = element(page).evaluate("(search) => search.search('mine.png').catch(({ message }) => message)")
    assert refusal == "search(photo) takes a File or another Blob."


def test_a_product_opens_in_another_tab_whatever_the_page_does_with_products(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin), attributes='link="/p/{sku}"'))
    page.evaluate("document.addEventListener('lamplight:select', (event) => event.preventDefault())")
    opener(page).click()
    choose(page, picture("blue", "dots"))
    found(page)
    link = page.locator(".results .card").first.get_by_role("link")
    for how in ({"modifiers": ["ControlOrMeta"]}, {"button": "middle"}):
        with page.context.expect_page() as opened:
            link.click(**how)
        opened.value.wait_for_url("**/p/dots-blue")
        opened.value.close()
    assert [one["sku"] for one in heard(page, "select")] == ["dots-blue"] * 2
    assert page.url == f"{somebodys.origin}/"


def test_a_row_is_turned_where_one_reads_from_right_to_left(somebodys, page):
    key = make_key(somebodys.origin)
    page.set_viewport_size({"width": 700, "height": 800})
    page.goto(somebodys.show(key, below=f'<lamplight-similar sku="stripes-red" key="{key}"></lamplight-similar>'))
    page.evaluate("document.documentElement.dir = 'rtl'")
    row = page.locator("lamplight-similar")
    expect(row.get_by_role("button", name="Previous products")).to_be_disabled()
    row.get_by_role("button", name="Next products").click()
    expect(row.get_by_role("button", name="Previous products")).to_be_enabled()
    assert row.locator(".row").evaluate("(list) => list.scrollLeft") < 0


def test_things_without_a_category_are_named_in_the_dialogs_language(somebodys, page):
    def without(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        for thing in told["objects"]:
            thing["category"] = None
        route.fulfill(response=answer, json=told)

    page.goto(somebodys.show(make_key(somebodys.origin), lang="de_DE"))
    page.evaluate("document.documentElement.dir = 'rtl'")  # The page's, not the dialog's.
    page.route(SEARCH, without)
    page.get_by_role("button", name="Mit einem Foto suchen").click()
    choose(page, two_rugs(), "Foto auswählen")
    found(page)
    expect(page.locator(".things").get_by_role("button").first).to_have_text("1Ding 1")
    shown = page.locator("dialog").evaluate("(dialog) => [dialog.lang, getComputedStyle(dialog).direction]")
    assert shown == ["de-DE", "ltr"]


def test_what_is_dropped_on_the_button_opens_the_dialog(somebodys, page):
    page.goto(somebodys.show(make_key(somebodys.origin)))
    opener(page).evaluate("""(button) => {
        const data = new DataTransfer();
        data.setData("text/uri-list", "https://shop.example/");
        button.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }""")
    expect(page.get_by_role("alert")).to_contain_text("There was no photo file in that.")


def test_a_browser_that_is_too_old_shows_nothing(somebodys, page):
    page.add_init_script("delete AbortSignal.any")
    page.goto(somebodys.show(make_key(somebodys.origin)))
    assert page.evaluate("customElements.get('lamplight-search') === undefined")
    expect(opener(page)).to_have_count(0)
