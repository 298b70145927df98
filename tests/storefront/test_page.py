"""The page as the server sends it."""

import html
import re
from graphlib import TopologicalSorter

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from tests.environment import ROOT

FILES = {
    "base.css",
    "start.css",
    "search.css",
    "marks.css",
    "scene.css",
    "product.css",
    "page.js",
    "lamp.svg",
    "fonts/newsreader.woff2",
}


@pytest.fixture
def page(settings):
    settings.STOREFRONT_SAMPLES = []
    response = Client().get("/")
    assert response.status_code == 200
    return response


def test_the_page_allows_files_of_its_own_host_only(page):
    assert page["Content-Security-Policy"] == (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def test_the_page_holds_nothing_that_its_policy_forbids(page):
    text = page.content.decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script[^>]*>[^<]", text)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)


def test_the_files_of_the_page_exist(page):
    names = re.findall(r'(?:src|href)="/static/([^"]+)"', page.content.decode())
    assert set(names) == {f"storefront/{name}" for name in FILES}
    assert all(finders.find(name) for name in names)


def test_the_scripts_import_each_other_one_way_only():
    scripts = (ROOT / "storefront/static/storefront").glob("*.js")
    imports = {script.name: re.findall(r'"\./(.+\.js)"', script.read_text()) for script in scripts}
    order = [*TopologicalSorter(imports).static_order()]
    assert set(order) == set(imports)
    assert order[-1] == "page.js"


def test_the_page_links_to_the_api_and_the_administration(page):
    text = page.content.decode()
    assert 'href="/api/docs/"' in text
    assert 'href="/admin/"' in text


def test_a_phone_may_take_the_photo(page):
    assert re.search(
        r'<input type="file" id="camera"[^>]* accept="image/\*" capture="environment">', page.content.decode()
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("/", "start"),
        ("/?utm_source=letter", "start"),
        ("/?q=oak", "search"),
        ("/?category=lamp", "search"),
        ("/?like=LAM-004&photo=1", "search"),
        ("/?sample=LAM-004.webp", "search"),
        ("/?by=photo", "search"),
        ("/products/001.024.52/", "product"),
    ],
)
def test_the_page_is_laid_out_for_what_its_address_will_show(settings, address, shown):
    settings.STOREFRONT_SAMPLES = []
    assert f'<body data-view="{shown}"' in Client().get(address).content.decode()


def test_the_page_has_no_samples_where_none_are_configured(page):
    assert 'class="sample"' not in page.content.decode()


def test_the_page_offers_ten_samples(tmp_path, settings):
    for number in range(12):
        (tmp_path / f"{number:02}.webp").touch()
    settings.STOREFRONT_SAMPLES = [tmp_path]
    text = Client().get("/").content.decode()
    assert text.count('class="sample"') == 10
    assert 'src="/samples/00.webp"' in text
    assert 'href="/?sample=00.webp"' in text


def test_a_sample_with_an_odd_name_is_escaped(tmp_path, settings):
    (tmp_path / '"><b>&?#.webp').write_bytes(b"odd")
    settings.STOREFRONT_SAMPLES = [tmp_path]
    page = Client().get("/").content.decode()
    assert "<b>" not in page
    [src] = re.findall(r'src="(/samples/[^"]+)"', page)
    assert Client().get(html.unescape(src)).status_code == 200


def test_the_page_is_only_read():
    assert Client().post("/").status_code == 405
