"""Prices as customers say them, and numbers that are none."""

from decimal import Decimal

import pytest

from search.said_prices import amount, prices, sizes


def told(text: str) -> list[tuple[str, str]]:
    """Each price: what was said, and its bounds."""
    return [(text[slice(*one.span)], f"{one.least or ''}..{one.most or ''}") for one in prices(text)]


@pytest.mark.parametrize(
    ("text", "said", "bounds"),
    [
        ("in green under 300", "under 300", "..300.00"),
        ("under €300", "under €300", "..300.00"),
        ("under 300€", "under 300€", "..300.00"),
        ("below 1.200,00 EUR", "below 1.200,00 EUR", "..1200.00"),
        ("less than 1,200 please", "less than 1,200", "..1200.00"),
        ("Cheaper than $ 99.50", "Cheaper than $ 99.50", "..99.50"),
        ("up to 300 in oak", "up to 300", "..300.00"),
        ("max. 300", "max. 300", "..300.00"),
        ("maximum price 300", "maximum price 300", "..300.00"),
        ("a budget of 500", "budget of 500", "..500.00"),
        ("no more than 300 euros", "no more than 300 euros", "..300.00"),
        ("not over 300", "not over 300", "..300.00"),
        ("<= 300", "<= 300", "..300.00"),
        ("300 or less", "300 or less", "..300.00"),
        ("300 euro max", "300 euro max", "..300.00"),
        ("over 100", "over 100", "100.00.."),
        ("at least €50", "at least €50", "50.00.."),
        ("from 200", "from 200", "200.00.."),
        ("not under 100", "not under 100", "100.00.."),
        ("100 and up", "100 and up", "100.00.."),
        ("between 100 and 250 euros", "between 100 and 250 euros", "100.00..250.00"),
        ("between 300 and 100", "between 300 and 100", "100.00..300.00"),
        ("from 100 to 300 €", "from 100 to 300 €", "100.00..300.00"),
        ("oak, 100-300", "100-300", "100.00..300.00"),
        ("€100 – €300, oak", "€100 – €300", "100.00..300.00"),
        ("around 80", "around 80", "64.00..96.00"),
        ("about $80", "about $80", "64.00..96.00"),
        ("€299.99", "€299.99", "239.99..359.99"),
    ],
)
def test_a_price_is_read(text, said, bounds):
    assert told(text) == [(said, bounds)]


def test_several_prices_all_hold():
    assert told("over 50 but under 90") == [("over 50", "50.00.."), ("under 90", "..90.00")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("over 300 cm", ["over 300 cm"]),
        ("under 120cm wide", ["under 120cm wide"]),
        ("up to 80 x 200 cm", ["up to 80 x 200 cm"]),
        ("max 80-100 cm", ["max 80-100 cm"]),
        ("under 5 kg and 60 W", ["under 5 kg", "60 W"]),
        ("12in", ["12in"]),
        ('a 12" lamp', ['12"']),
        ("2-3 seater", ["2-3 seater"]),
        ("4 drawers", ["4 drawers"]),
    ],
)
def test_a_size_is_no_price(text, said):
    assert told(text) == []
    assert [text[slice(*span)] for span in sizes(text)] == said


@pytest.mark.parametrize("text", ["", "oak 300", "300", "2x2", "under oak", "under 99999999999999", "E27"])
def test_a_number_alone_is_no_price(text):
    assert told(text) == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("300", "300"),
        ("1,200", "1200"),
        ("1.200", "1200"),
        ("1.200,50", "1200.50"),
        ("1,200.5", "1200.5"),
        ("9,99", "9.99"),
    ],
)
def test_thousands_and_decimals_are_told_apart(text, number):
    assert amount(text) == Decimal(number)
