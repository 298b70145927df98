"""How photos come in: chosen, dropped, pasted, scaled down, refused."""

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.storefront.conftest import encoded, heading, names, picture, upload

pytestmark = pytest.mark.slow

REFUSED = "the server responded with a status of 400"  # Chromium's own note on every refused request

GIVE = """([event, bytes]) => {
    const data = new DataTransfer();
    if (bytes) data.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
    document.body.dispatchEvent(
        event === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
}"""

GIVE_WORDS = """() => {
    const data = new DataTransfer();
    data.setData("text/plain", "oak chair");
    data.items.add(new File(["x"], "words.png", { type: "image/png" })); // As office programs add one.
    const words = new DataTransfer();
    words.setData("text/plain", "oak chair");
    const field = document.getElementById("words");
    return [
        field.dispatchEvent(new DragEvent("drop", { dataTransfer: words, bubbles: true, cancelable: true })),
        field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true })),
    ];
}"""


def test_a_sample_that_comes_late_does_not_replace_a_photo_chosen_after_it(shop):
    page = shop.page
    held: list[Route] = []
    page.get_by_role("link", name="Sample photo 1").wait_for()
    page.route("**/samples/*", lambda route: held.append(route))
    page.get_by_role("link", name="Sample photo 1").click()
    upload(page, picture("blue", "stripes"))
    expect(heading(page, "13 matches in Stripes")).to_be_visible()
    for route in held:
        route.fulfill(body=picture("red", "dots"), content_type="image/png")
    page.wait_for_timeout(300)
    assert names(page)[0] == "Blue stripes"
    assert sum(url.endswith("/search/") for url in shop.requests) == 1


def test_a_photo_may_be_dropped_or_pasted(shop):
    page = shop.page
    page.evaluate(GIVE, ["drop", list(picture("blue", "dots"))])
    expect(page.locator(".card .name").first).to_have_text("Blue dots")
    page.get_by_role("button", name="Select a part").click()
    page.evaluate(GIVE, ["paste", list(picture("green", "stripes"))])
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".card .name").first).to_have_text("Green stripes")
    page.evaluate(GIVE, ["paste", None])
    expect(page.get_by_role("alert")).to_contain_text("There was no photo file in that")
    assert names(page)[0] == "Green stripes"
    page.get_by_role("button", name="Dismiss").click()
    assert page.evaluate(GIVE_WORDS) == [True, True]  # The search field takes these words.
    expect(page.get_by_role("alert")).to_be_hidden()
    assert names(page)[0] == "Green stripes"


def test_a_large_photo_is_sent_smaller(shop):
    upload(shop.page, encoded(Image.effect_noise((3200, 800), 90), "JPEG"))
    expect(shop.page.locator("#grid .name").first).to_be_visible()
    assert shop.page.locator("#query-photo").evaluate("(photo) => [photo.naturalWidth, photo.naturalHeight]") == [
        1600,
        400,
    ]


def test_a_file_that_is_no_photo_or_too_large_is_refused_in_plain_words(shop):
    page = shop.page
    upload(page, b"not a photo", "notes.txt", "text/plain")
    expect(heading(page, "This search did not work")).to_be_focused()
    expect(page.locator("#nothing-text")).to_contain_text("This is not a photo we can read")
    expect(page.get_by_text("Your browser cannot show this file.")).to_be_visible()
    assert names(page) == []
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()
    [note] = shop.complaints
    assert REFUSED in note
    shop.complaints.clear()

    upload(page, picture("red", "stripes"))
    assert names(page)[0] == "Red stripes"
    expect(page.locator("#failure")).to_be_hidden()

    searches = sum(url.endswith("/search/") for url in shop.requests)
    page.locator("#photo").evaluate("(input) => { input.dataset.maxBytes = 100; }")
    upload(page, picture("red", "dots"))
    expect(page.get_by_role("alert")).to_contain_text("more than the shop takes")
    page.get_by_role("button", name="Dismiss").click()
    expect(page.locator("#failure")).to_be_hidden()
    assert sum(url.endswith("/search/") for url in shop.requests) == searches
