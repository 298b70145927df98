"""A shop's page with the widget: what tests hear of it, and what they do on it."""

from playwright.sync_api import Locator, Page, expect

HEARD = """() => {
    window.heard = [];
    for (const name of ["open", "close", "results", "select", "error"]) {
        document.addEventListener(`lamplight:${name}`, ({ detail }) => heard.push([name, detail]));
    }
    document.addEventListener("securitypolicyviolation", (event) => heard.push(["violation", event.violatedDirective]));
}"""
GIVE = """([event, bytes]) => {
    const data = new DataTransfer();
    if (bytes) data.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
    else data.setData("text/uri-list", "https://shop.example/");
    const dialog = document.querySelector("lamplight-search").shadowRoot.querySelector("dialog");
    dialog.dispatchEvent(
        event === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true, composed: true }));
}"""


def heard(page: Page, name: str) -> list[dict]:
    return [detail for told, detail in page.evaluate("window.heard ?? []") if told == name]


def opener(page: Page) -> Locator:
    return page.get_by_role("button", name="Search with a photo")


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Search with a photo")


def choose(page: Page, data: bytes, button: str = "Choose a photo", name: str = "mine.png") -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button).click()
    chooser.value.set_files({"name": name, "mimeType": "image/png", "buffer": data})


def found(page: Page) -> list[str]:
    expect(page.locator(".results")).to_have_attribute("aria-busy", "false")
    return page.locator(".results .name").all_inner_texts()
