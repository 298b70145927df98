import pytest

from catalog.importing.albums import Refused
from catalog.importing.values import html_as_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Solid & fine", "Solid & fine"),
        ("Solid &amp; fine", "Solid & fine"),
        ("Solid &amp;amp; fine", "Solid &amp; fine"),
        ("5 < 6\nand 7", "5 < 6\nand 7"),
        ("<p>A <b>solid</b>\n chair</p><p>of&nbsp;oak<br>and pine</p>", "A solid chair\nof oak\nand pine"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("<p>&amp;lt;b&amp;gt;</p>", "&lt;b&gt;"),
        ("<style>p {}</style><p>Oak</p><script>alert(1)</script> chair<!-- no -->", "Oak\nchair"),
        ("<!-- nothing -->", ""),
        ('<?xml version="1.0" encoding="latin-1"?><p>Stühle</p>', "Stühle"),
    ],
)
def test_html_becomes_the_text_that_a_browser_shows(html, text):
    assert html_as_text(html) == text


def test_html_of_which_a_part_would_be_lost_is_refused():
    assert html_as_text("<div>" * 200 + "deep") == "deep"
    with pytest.raises(Refused, match="more than 256 elements within each other; write plain text"):
        html_as_text("<div>" * 300 + "deep")
