"""The page of a scorecard, in a real browser where there is one."""

import re
from pathlib import Path

import pytest

from catalog.models import Photo
from evaluation.queries import Queries, leave_one_out, shared_stock
from evaluation.score import Settings, evaluate
from evaluation.scorecard import CATALOGUE, Asked, Scorecard, Table
from search import head_training
from search.models import Space

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(space: Space, photo, index, tmp_path: Path) -> Path:
    """A scorecard of five lamps and six beds, two of which find their family late."""
    for green in (0, 15, 60, 75, 120):
        photo((200, green, 20), "lamp", name="A")
    for green, name in ((0, "X"), (30, "<Y>"), (60, "Z"), (90, "X"), (120, "V"), (150, "W")):
        photo((20, green, 200), "bed", name=name, sku=f"B{green}")
    index()
    head_training.train(space)
    scorecard, queries = measured(space)
    file = tmp_path / "card.html"
    file.write_text(scorecard.as_html(queries), encoding="utf-8")
    return file


def measured(space: Space) -> tuple[Scorecard, Queries]:
    stock = shared_stock([space], 1000, seed=0)
    queries = leave_one_out(stock, 1000, 0, "name")
    settings = Settings(keep=0.8, timed=2)
    score = evaluate(space, stock, queries, settings)
    return Scorecard("2026-01-01T00:00:00+00:00", settings, Asked.of(queries, stock, CATALOGUE), (score,)), queries


def test_the_page_has_every_plot_and_the_worst_queries_in_one_file_of_its_own_colours(page):
    text = page.read_text()
    assert re.findall(r'role="img" aria-label="([^"]*)"', text) == [
        "Recall by gate",
        "Reliability of the likeliest category",
        "Confusion matrix",
        "Latency by stage",
        "Similarity of the first answer",
    ]
    assert "The 2 worst queries" in text
    assert re.findall(r"ranked (\d)\.", text) == ["5", "3"]
    assert ">gone<" not in text
    assert not re.findall(r"#0[1-6]0[1-6]0[1-6]|<script|@import|url\((?!#)", text)
    assert set(re.findall(r'(?:src|href)="(\w*:|//)', text)) == {"data:"}


def test_a_photo_that_is_gone_leaves_a_gap_and_no_error(space, photo, index):
    for green, name in ((0, "X"), (30, "Y"), (60, "X")):
        photo((20, green, 200), "bed", name=name)
    index()
    scorecard, queries = measured(space)
    for stored in scorecard.spaces[0].worst[0].came:
        Path(Photo.objects.get(pk=stored.photo).file.path).unlink()
    assert ">gone<" in scorecard.as_html(queries)


def test_text_columns_are_aligned_by_what_they_hold():
    table = Table(("space", "R@1"), (("a", "1"), ("bcd", "0.5")))
    assert table.as_text() == "space  R@1\na        1\nbcd    0.5"
    assert Table(("space",), ()).as_text() == ""


def test_the_page_fits_a_desk_and_a_phone_and_asks_nothing_of_the_network(page, watched):
    for width, scheme in ((1280, "light"), (390, "dark")):
        watched.page.set_viewport_size({"width": width, "height": 900})
        watched.page.emulate_media(color_scheme=scheme)
        watched.page.goto(page.as_uri())
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
        widths = watched.page.evaluate("[...document.querySelectorAll('svg')].map(svg => svg.clientWidth)")
        assert len(widths) == 5
        assert all(250 < drawn < width for drawn in widths)
    assert watched.complaints == []
    assert set(watched.requests) == {page.as_uri()}
