"""Where Lamplight may connect to: the internet, and the networks that the shop allows by name.

An address comes from a feed, and a feed from strangers. It must not lead into the shop's own network, however it is
written: as a name, as a number, in IPv6.
"""

import socket
import threading
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from ipaddress import IPv4Network as Network4

Address = IPv4Address | IPv6Address
Network = Network4 | IPv6Network
# ipaddress calls these global. They are kept for protocols, lead to relays, stand for another address, or are what a
# cloud's machines reach within it: that of Azure (168.63.129.16) hands out their set-up.
NEVER = [
    ip_network(text)
    for text in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "2001::/32", "2002::/16", "3fff::/20")
]
UNICAST = IPv6Network("2000::/3")
# On a network without IPv4, names get addresses of this kind: the last four bytes are those of IPv4.
NAT64 = IPv6Network("64:ff9b::/96")


def is_allowed(text: str, networks: Iterable[Network] = ()) -> bool:
    """Whether an address, as the resolver gives it, may be connected to. `networks` are allowed nevertheless."""
    try:
        given = ip_address(text)
    except ValueError:  # With a zone, for one.
        return False
    if isinstance(given, IPv6Address) and given.scope_id:
        return False
    address = meant(given)
    if any(address in network for network in networks if network.version == address.version):
        return True
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    is_never = any(address in network for network in NEVER if network.version == address.version)
    return address.is_global and not address.is_multicast and not is_never


def written(host: str) -> list[str]:
    """The addresses that a host is written as, whatever it looks like (127.1, 0x7f.1); none of a name of the DNS."""
    if host.rstrip(".").rpartition(".")[2] == "localhost":  # This machine by RFC 6761, whatever a resolver says.
        return ["127.0.0.1"]
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return []
    return [str(sockaddr[0]) for *_, sockaddr in found]


def meant(address: Address) -> Address:
    """The address that packets reach in the end: that of IPv4 within one of IPv6."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, in the order in which they are to be tried. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class ResolverSilent(Exception):  # noqa: N818  it names the state of the resolver
    """The name was not resolved in time."""


def resolve_within(host: str, port: int, seconds: float) -> Sequence[str]:
    """`resolve`, in a thread that is left behind when it takes longer: it knows no deadline of its own.

    Raises OSError, ResolverSilent.
    """
    found: list[str] = []
    failures: list[OSError] = []

    def ask() -> None:
        try:
            found.extend(resolve(host, port))
        except UnicodeError as error:
            failures.append(OSError(str(error)))
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise ResolverSilent
    if failures:
        raise failures[0]
    return found
