"""Which addresses may be connected to."""

from ipaddress import ip_network

import pytest

from catalog.fetching.networks import is_allowed, written

PRIVATE = """
    127.0.0.1 127.1.2.3 0.0.0.0 0.1.2.3 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
    192.0.0.1 192.0.0.8 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 ::1 :: ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::127.0.0.1 ::ffff:0:127.0.0.1
    64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:7f00:1::1 2002:808:808::1 2001::1 2001:db8::1 3fff::1 fc00::1
    168.63.129.16 ::ffff:168.63.129.16
    fd12:3456::1 fe80::1 fe80::1%eth0 2606:4700::1%eth0 fec0::1 ff02::1 ff0e::1 100::1 5f00::1 nonsense
"""
GLOBAL = "8.8.8.8 93.184.216.34 1.1.1.1 2606:4700:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808"


@pytest.mark.parametrize("address", PRIVATE.split())
def test_what_is_not_of_the_internet_is_refused(address):
    assert not is_allowed(address)


@pytest.mark.parametrize("address", GLOBAL.split())
def test_the_internet_is_allowed(address):
    assert is_allowed(address)


def test_a_network_that_the_shop_names_is_allowed_however_it_is_written():
    networks = [ip_network("10.20.0.0/16"), ip_network("fd00::/8")]
    allowed = ["10.20.3.4", "::ffff:10.20.3.4", "fd00::1", "8.8.8.8"]
    refused = ["10.21.0.1", "127.0.0.1", "fc00::1", "fd00::1%eth0"]
    assert [address for address in allowed + refused if is_allowed(address, networks)] == allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost", "a.localhost."])
def test_an_address_is_known_however_it_is_written(host):
    assert written(host) == ["127.0.0.1"]


def test_a_name_is_not_looked_up():
    assert written("shop.example") == []
    assert written("::1") == ["::1"]
