"""What the tests of the shop's page look for on it, and how they make the API fail."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

from search.models import Event
from tests.storefront.conftest import in_thread

SEARCH = "**/api/v1/search/"
# Whether nothing lies over the upper and the lower half of a link.
SEEN = """(link) => {
    const { left, width, top, height } = link.getBoundingClientRect();
    const over = (share) => document.elementFromPoint(left + width / 2, top + share * height);
    return link.contains(over(0.25)) && link.contains(over(0.75));
}"""


def chip(page: Page, name: str):
    return page.locator("#chips").get_by_role("button", name=name, exact=True)


def asked(page: Page) -> dict[str, list[str]]:
    """The query of the address."""
    return parse_qs(urlsplit(page.url).query)


def events(kind: str) -> list[tuple[str, int | None, str | None]]:
    """The events of this kind that the shop has stored, the newest first."""
    rows = Event.objects.filter(kind=kind).order_by("-pk").values_list("sku", "position", "category__slug")
    return in_thread(lambda: list(rows))


def region(page: Page) -> list[float]:
    return [float(part) for part in asked(page)["region"][0].split(",")]


def fail(page: Page, status: int, headers: dict[str, str], body: str) -> None:
    """Have searches end like this from now on."""

    def answer(route: Route) -> None:
        if status:
            route.fulfill(status=status, headers=headers, body=body)
        else:
            route.abort()

    page.unroute(SEARCH)
    page.route(SEARCH, answer)
