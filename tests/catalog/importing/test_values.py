from collections import Counter
from decimal import Decimal

import pytest

from catalog.importing.albums import Refused
from catalog.importing.values import as_price, first_addresses, html_as_text


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


@pytest.mark.parametrize(
    ("text", "price"),
    [
        *(("1.299,50", "1299.50"), ("1,299.50", "1299.50"), ("1 299,50", "1299.50"), ("1\u202f299.50", "1299.50")),
        *(("1'299.50", "1299.50"), ("1’299", "1299"), ("1.299.000", "1299000"), ("1,299,000.5", "1299000.5")),
        *(("0.125", "0.125"), ("1299.000", "1299"), ("12.", "12"), (",5", "0.5"), ("-1.299,00", "-1299")),
    ],
)
def test_prices_are_read_however_thousands_and_cents_are_parted(text, price):
    assert as_price(text) == Decimal(price)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1.299", "Sale price 1.299: with three digits after one sign it is unclear; write 1299.00, if so meant"),
        ("12,500", "Sale price 12,500: with three digits after one sign it is unclear; write 12500.00, if so meant"),
        *(
            (text, "")
            for text in ("1.29.9", "1.299,00.0", "1.29,900", "12 50", "1e3", "1_000", "٣", "Infinity", "129 €")
        ),
    ],
)
def test_what_is_no_price_or_may_be_two_is_refused(text, reason):
    with pytest.raises(Refused) as refused:
        as_price(text, "Sale price")
    assert str(refused.value) == (reason or f"Sale price {text}: not a number, write it like 1299.00")


def test_the_first_addresses_are_as_many_as_a_product_has_photos():
    left_out: Counter[str] = Counter()
    addresses = [f"https://shop.example/{number}.jpg" for number in range(60)]
    assert first_addresses([addresses[0], "", *addresses], left_out) == tuple(addresses[:50])
    assert left_out == {"Photos left out, since a product has at most 50": 10}
