import pytest

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
    ],
)
def test_html_becomes_the_text_that_a_browser_shows(html, text):
    assert html_as_text(html) == text
