"""How web addresses are read."""

import pytest

from catalog.fetching.answers import NotFetched
from catalog.fetching.web_addresses import read_address, shown


def test_an_address_is_read_as_a_whole():
    address = read_address(" HTTPS://us%40er:pa%3Ass@Shop.Example:8443/a/ö b.jpg?w=1&x=ü#part ")
    assert address.origin == ("https", "shop.example", 8443)
    assert address.target == "/a/%C3%B6%20b.jpg?w=1&x=%C3%BC"
    assert address.authority == "shop.example:8443"
    assert address.credentials == "us@er:pa:ss"
    assert address.shown == "https://shop.example:8443/a/%C3%B6%20b.jpg?w=1&x=%C3%BC"
    assert "pa" not in repr(address).replace("path", "")


def test_an_address_that_is_escaped_stays_as_it_is():
    assert read_address("https://shop.example/%C3%B6%20b.jpg?u=%2F").target == "/%C3%B6%20b.jpg?u=%2F"


def test_names_beyond_ascii_are_those_that_browsers_ask_for():
    assert read_address("https://Möbel.example").host == "xn--mbel-5qa.example"
    assert read_address("https://[2606:4700::1]:8443/").authority == "[2606:4700::1]:8443"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "lamp.jpg",
        "//shop.example/a.jpg",
        "ftp://shop.example/a.jpg",
        "file:///etc/passwd",
        "https://",
        "https:///a.jpg",
        "https://shop.example:0/",
        "https://shop.example:99999/",
        "https://shop.example:x/",
        "https://shop.example/a\r\nHost: other",
        "https://shop.example\\@127.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://a b/",
        "https://127.0.0.1%2f.example/",
        "https://xn--\u2028.example/",
        "https://shop.example/" + 2048 * "a",
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(NotFetched) as refused:
        read_address(url)
    assert refused.value.code == "bad_address"
    assert not refused.value.may_pass


def test_a_redirect_keeps_credentials_for_its_origin_alone():
    address = read_address("https://me:secret@shop.example/a.jpg")
    assert address.redirected("/b.jpg").credentials == "me:secret"
    assert address.redirected("https://other.example/b.jpg").credentials == ""
    assert address.redirected("https://shop.example:8443/b.jpg").credentials == ""
    assert address.redirected("https://you:other@other.example/b.jpg").credentials == ""


def test_a_user_without_a_password_is_told_with_a_colon():
    assert read_address("https://APIKEY@shop.example/f").authorization == "Basic QVBJS0VZOg=="
    assert read_address("https://me:secret@shop.example/f").authorization == "Basic bWU6c2VjcmV0"
    assert read_address("https://@shop.example/f").authorization == ""


def test_a_redirect_keeps_the_query_of_its_address_where_it_names_none():
    assert read_address("https://shop.example/a?x=1").redirected("#part").target == "/a?x=1"


def test_a_question_mark_in_a_password_is_no_query():
    with pytest.raises(NotFetched, match="%3F"):
        read_address("https://me:8443?word@shop.example/feed.xml")
    assert read_address("https://shop.example/?mail=me@shop.example").host == "shop.example"


def test_neither_credentials_nor_queries_are_shown():
    assert shown("https://me:secret@shop.example/a.jpg") == "https://…@shop.example/a.jpg"
    assert shown("https://shop.example/a.jpg?sig=secret") == "https://shop.example/a.jpg?…"
    assert "secret" not in shown("https://me:secret@:x/a.jpg")
