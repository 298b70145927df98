"""Which addresses of feeds are taken, and what is shown of them."""

from ipaddress import ip_network

import pytest
from django.core.exceptions import ValidationError

from catalog.feeds.addresses import validate_address
from catalog.fetching.web_addresses import shown


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("https://shop.example/a/feed.xml", "https://shop.example/a/feed.xml"),
        ("https://me:secret@shop.example:8443/feed.xml", "https://…@shop.example:8443/feed.xml"),
        ("https://me@shop.example/feed.xml?token=secret&a=b", "https://…@shop.example/feed.xml?…"),
        ("https://a:p@ss@shop.example/", "https://…@shop.example/"),
    ],
)
def test_neither_user_nor_password_nor_query_is_shown(address, seen):
    validate_address(address)
    assert shown(address) == seen


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("feed.xml", "starts with https://"),
        ("ftp://shop.example/secret", "starts with https://"),
        ("file:///etc/secret", "starts with https://"),
        ("https://", "no valid host name"),
        ("https://shop.example:99999/secret", "host or port is damaged"),
        ("https://[::1/secret", "host or port is damaged"),
        ("https://shop.example/my secret.xml", "%20"),
        ("https://shop.example/secret\n", "line break"),
        ("https://shop.example/feed.xml#secret", "“#”"),
        ("https://…@shop.example/secret", "Write the whole address"),
        ("https://shop.example:22/secret", "Port 22 is none of the web"),
        ("https://[::1]/secret", "FETCH_NETWORKS"),
        ("https://0xa.1/secret", "FETCH_NETWORKS"),
        ("https://169.254.169.254/secret", "FETCH_NETWORKS"),
        ("https://me:8443?secret@shop.example/", "%3F"),
        ("https://me:8443/secret@shop.example/", "%2F"),
        ("https://shop.example/?…", "Write the whole address"),
        (f"https://shop.example/{'x' * 2_000}", "more than 2,000 characters"),
    ],
)
def test_an_address_that_is_none_is_refused_with_its_cure_and_not_quoted(address, why):
    with pytest.raises(ValidationError) as refusal:
        validate_address(address)
    [said] = refusal.value.messages
    assert why in said
    assert "secret" not in said


def test_plain_http_is_a_choice_of_the_shop(settings):
    validate_address("http://shop.example/feed.xml")
    settings.FETCH_HTTP = False
    with pytest.raises(ValidationError, match="FETCH_HTTP"):
        validate_address("http://shop.example/feed.xml")


def test_a_network_that_the_shop_names_is_taken(settings):
    settings.FETCH_NETWORKS = [ip_network("10.20.0.0/16")]
    validate_address("https://10.20.3.4:8443/feed.xml")
    validate_address("https://shop.example:8443/@me/feed.xml?mail=me@shop.example")
