"""Origins of browsers' pages: how they are written."""

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

DEFAULT_PORTS = {"http": 80, "https": 443}
CURE = (
    "Write scheme and name, with a port where it has one, and nothing behind: https://shop.example. "
    "A name with other letters is written in punycode (xn--)."
)
# Browsers send names with "_" as well. Other letters are written in punycode.
LABEL = re.compile(r"[a-z0-9_-]*[a-z0-9][a-z0-9_-]*")
NUMBER = re.compile(r"\d+|0x[0-9a-f]*")


def normalised(given: str) -> str:
    """An origin as browsers send it. Raises ValidationError."""
    try:
        url = urlsplit(given.strip().rstrip("/"))
        port, name = url.port, url.hostname or ""
        host = _ipv6(IPv6Address(name)) if "[" in url.netloc else _name(name)
    except ValueError as error:
        raise ValidationError(f"“{given}” is no origin. {CURE}") from error
    rest = url.path or url.query or url.fragment or url.username or url.password
    if url.scheme not in DEFAULT_PORTS or rest or port == 0:
        raise ValidationError(f"“{given}” is no origin. {CURE}")
    return f"{url.scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[url.scheme] else "")


def _name(name: str) -> str:
    """Raises ValueError."""
    labels = name.removesuffix(".").split(".")
    if not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError
    if NUMBER.fullmatch(labels[-1]):  # Browsers read such a name as an IPv4 address.
        return str(IPv4Address(".".join(labels)))
    return name


def _ipv6(address: IPv6Address) -> str:
    """Browsers write an IPv4 address in it as hex digits, and send no page of an address with a zone."""
    if address.scope_id:
        raise ValueError
    if address.ipv4_mapped is None:
        return f"[{address.compressed}]"
    high, low = divmod(int(address.ipv4_mapped), 2**16)
    return f"[::ffff:{high:x}:{low:x}]"
