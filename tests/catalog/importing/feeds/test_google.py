"""What Google's feeds may say in more than one way."""

from decimal import Decimal

import pytest

ITEM = "<g:id>1</g:id><g:title>Chair</g:title><g:product_type>Home &gt; Chairs</g:product_type>"
GOOGLE = 'xmlns:g="http://base.google.com/ns/1.0"'
FEEDS = {
    "rss": f'<rss {GOOGLE} xmlns:m="http://m"><channel><item>{ITEM}%s</item></channel></rss>',
    "atom": f'<feed xmlns="http://www.w3.org/2005/Atom" {GOOGLE}><entry>{ITEM}%s</entry></feed>',
}


@pytest.fixture
def item(sent):
    """The row of an item that has these elements, too."""

    def read_item(elements, kind="rss", before="", after=""):
        [row] = sent(before + FEEDS[kind] % elements + after, "g.xml")
        return row

    return read_item


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<!-- generated -->", "<!-- cached -->"),
        ('<?xml version="1.0"?><?xml-stylesheet href="a.xsl"?>\n<!-- a -->\n<!-- b -->', ""),
    ],
)
def test_comments_and_stylesheets_around_a_feed_change_nothing(item, before, after):
    assert item("", before=before, after=after) == item("")


XHTML = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Solid <b>oak</b></p><p>5 &lt; 6</p></div>'
PREFIXED = '<x:div xmlns:x="http://www.w3.org/1999/xhtml">a <x:b>b</x:b> c</x:div>'


@pytest.mark.parametrize(
    ("kind", "elements", "description"),
    [
        ("rss", "<g:description><b>Solid</b> oak &amp; pine</g:description>", "Solid oak & pine"),
        ("rss", "<g:description>A<!-- x -->B</g:description>", "AB"),
        ("rss", "<description>Oak</description><g:description> </g:description>", "Oak"),
        ("rss", "<description>Oak</description><g:description>Solid</g:description>", "Solid"),
        ("rss", "<description>Oak</description><m:description>Photo</m:description>", "Oak"),
        ("rss", "<description>Two\nlines</description>", "Two\nlines"),
        ("atom", f'<content type="xhtml">{XHTML}</content>', "Solid oak\n5 < 6"),
        ("atom", f'<content type="xhtml">{PREFIXED}</content>', "a b c"),
        ("atom", "<summary>Short</summary><content>Short and long</content>", "Short and long"),
        ("atom", "<summary>Short</summary><content/>", "Short"),
    ],
)
def test_no_description_is_lost_and_none_is_glued(item, kind, elements, description):
    assert item(elements, kind).fields["description"] == description


def test_elements_of_other_vocabularies_are_left_out_and_told(item, sent):
    links = '<link href="https://a/1"/><link rel="enclosure" href="https://a/1.jpg"/><g:link/>'
    assert item(links, "atom").fields["url"] == "https://a/1"
    assert item("<title>Chair 2</title><m:title>A photo</m:title>").name == "Chair"
    told = sent(FEEDS["rss"] % "<m:title>A photo</m:title>", "g.xml").understood()
    assert told[-1] == "Columns left out: m:title."


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ("<g:title>\n Chair </g:title>", None),
        ("<g:title>Table</g:title>", "it has several title that differ; keep one of each"),
        ("<g:id>2</g:id>", "it has several id that differ; keep one of each"),
        ("<link>https://a/1</link><link>https://a/2</link>", "it has several link that differ; keep one of each"),
    ],
)
def test_an_item_says_once_what_it_can_have_once(item, elements, reason):
    row = item(elements)
    assert (getattr(row, "reason", None), row.sku) == (reason, "" if "id" in elements else "1")


def test_what_an_item_can_have_several_times_is_kept_and_line_breaks_are_blanks(item):
    addresses = "https://a/1,2.jpg\n, https://a/3.jpg https://a/4.jpg"
    row = item(
        f"<g:color>\n  Oak\n  brown\n</g:color><g:color>Red</g:color><g:product_type>Sale</g:product_type>"
        f"<g:additional_image_link>{addresses}</g:additional_image_link>"
    )
    assert (row.category, row.attributes) == ("Chairs", {"color": "Oak brown, Red"})
    assert row.addresses == ("https://a/1,2.jpg", "https://a/3.jpg", "https://a/4.jpg")


@pytest.mark.parametrize(
    ("text", "price", "currency"),
    [
        *(("1.299,00 EUR", "1299", "EUR"), ("1,299.00 eur", "1299", "EUR"), ("1 299,00 EUR", "1299", "EUR")),
        *(("129 €", "129", "EUR"), ("€129,5", "129.5", "EUR"), ("$ 1,299.00", "1299", "USD"), ("GBP 9", "9", "GBP")),
        *(("1\xa0299,00\xa0€", "1299", "EUR"), ("1'299.00 CHF", "1299", "CHF"), ("£9.99", "9.99", "GBP")),
    ],
)
def test_prices_may_have_any_common_form(item, text, price, currency):
    fields = item(f"<g:price>{text}</g:price>").fields
    assert (fields["price"], fields["currency"]) == (Decimal(price), currency)


def test_quotes_in_a_feed_separated_by_tabs_swallow_nothing(sent):
    names = ['"Oak table', 'Screen 24"', '"Big" chair', '"A ""b"""']
    lines = "".join(f"M{number}\t{name}\tF\t1 EUR\n" for number, name in enumerate(names))
    rows = list(sent(f"id\ttitle\tproduct_type\tprice\n{lines}"))
    assert [row.name for row in rows] == ['"Oak table', 'Screen 24"', '"Big" chair', 'A "b"']
