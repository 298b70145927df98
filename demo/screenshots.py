"""The pictures of the README: the shop's page and the admin on the sample catalogue, photographed in headless Chromium.

With `make demo` running, `python -m demo.screenshots` makes them again in docs/images/. They show the demo's own photos
only. Give the demo's address if it is another, and LAMPLIGHT_VAR if its data folder is.
"""

import argparse
import io
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
ROOMS = Path(__file__).resolve().parent / "rooms"
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
MAX_BYTES = 300_000
WIDE, NARROW = (1280, 900), (390, 844)


def searched(page: Page) -> None:
    page.wait_for_selector("#results[aria-busy=false] .card")


def chosen(page: Page) -> None:
    """Choose the second thing of a room."""
    searched(page)
    page.click("#dot-2")
    page.wait_for_selector(".box:not([hidden])")


def within_budget(page: Page) -> None:
    searched(page)
    page.fill("#budget", "1500")
    page.press("#budget", "Enter")
    page.wait_for_selector(".card.chosen")


def explained(page: Page) -> None:
    searched(page)
    page.locator(".ask").first.click()
    page.wait_for_selector("#reason-how:not([hidden])")


def opened(page: Page) -> None:
    page.wait_for_selector("#kin .card")


def with_widget(page: Page) -> None:
    """Search by a photo of a room on the example page, and choose the second thing in it."""
    page.wait_for_selector("lamplight-similar[filled]")
    page.click("lamplight-search .opener")
    page.locator("lamplight-search input[type=file]").first.set_input_files(ROOMS / "ROOM-001.webp")
    page.wait_for_selector("lamplight-search .results[aria-busy=false] .card")
    page.click("lamplight-search .things .chip >> nth=1")


def logged_in(page: Page) -> None:
    folder = Path(os.environ.get("LAMPLIGHT_VAR", "var/demo"))
    page.fill("#id_username", "admin")
    page.fill("#id_password", (folder / "admin-password").read_text().strip())
    page.press("#id_password", "Enter")
    page.wait_for_url("**/admin/")


@dataclass(frozen=True)
class Shot:
    name: str
    address: str
    ready: Callable[[Page], None]
    size: tuple[int, int] = WIDE
    scheme: Literal["light", "dark"] = "light"


BY_PHOTO, ROOM = "/?sample=LAM-008.webp", "/?sample=ROOM-001.webp"
DARKER = "/?sample=CHA-003.webp&words=like+this%2C+but+in+dark+wood%2C+under+300%2C+cosier"
SHOTS = [
    Shot("search-wide", BY_PHOTO, searched),
    Shot("search-dark", BY_PHOTO, searched, scheme="dark"),
    Shot("search-narrow", BY_PHOTO, searched, NARROW),
    Shot("words", "/?q=couch", searched),
    Shot("photo-with-words", DARKER, searched),
    Shot("room-wide", ROOM, chosen),
    Shot("room-narrow", ROOM, searched, NARROW),
    Shot("basket", ROOM, within_budget),
    Shot("why", ROOM, explained),
    Shot("product", "/products/SOF-003/", opened),
    Shot("widget", "/example/", with_widget),
    Shot("dashboard", "/admin/", logged_in),
]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m demo.screenshots",
        description=__doc__,
        epilog="Example: LAMPLIGHT_VAR=/tmp/demo python -m demo.screenshots http://127.0.0.1:8001",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000", help="the demo's address (%(default)s)")
    url = parser.parse_args().url.rstrip("/")
    if CHROMIUM is None:
        raise SystemExit("There is no Chromium: apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for shot in SHOTS:
            picture = photographed(browser, url, shot)
            size = save(picture, IMAGES / f"{shot.name}.webp")
            print(f"docs/images/{shot.name}.webp  {picture.width} x {picture.height}  {size / 1000:.0f} kB")
        browser.close()


def photographed(browser: Browser, url: str, shot: Shot) -> Image.Image:
    width, height = shot.size
    page = browser.new_page(
        viewport={"width": width, "height": height}, reduced_motion="reduce", color_scheme=shot.scheme
    )
    page.goto(url + shot.address)
    shot.ready(page)
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    return picture.convert("RGB")


def save(picture: Image.Image, path: Path) -> int:
    """Save the picture as WebP, as good as fits into MAX_BYTES; returns its bytes."""
    for quality in (90, 80, 70, 60):
        picture.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= MAX_BYTES:
            break
    return path.stat().st_size


if __name__ == "__main__":
    main()
