"""How often a stranger may ask."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle

from access import quotas, usage
from access.models import Key
from access.rates import Rate

if TYPE_CHECKING:  # The views name these classes while they are being imported.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)
# What one customer's line is given: whoever has one address has 2**64 of them.
LINE = 64
# What a household is given, for those who guess passwords.
HOUSEHOLD = 56
# Some proxies pass the port on as well, which is another for each connection.
WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([\d.]+):\d+")
NO_ADDRESS = "no address"
# A search for several things looks up eleven photos, and takes five to ten times as long as one. It counts as the
# least of that: a page asks so for every photo of a room.
OBJECTS_COST = 5
# Seconds of a core that count as one request: what a search by photo takes on two cores.
SHARE = 0.05
# Requests that baskets count as until it is known what they took, which is a second at most.
BASKETS_COST = 20


def address(request: HttpRequest | Request, bits: int = LINE) -> str:
    """Whose request it is: the address that NUM_PROXIES proxies passed on; of IPv6 the first 64 bits, or so many."""
    if "HTTP_X_FORWARDED_FOR" in request.META and not settings.REST_FRAMEWORK["NUM_PROXIES"]:
        _warn_of_uncounted_proxies()
    return counted(str(BaseThrottle().get_ident(cast(Request, request))), bits)


@cache
def _warn_of_uncounted_proxies() -> None:
    """Once in a process: a stranger may send the header as well."""
    logger.warning(
        "A request came with X-Forwarded-For, and NUM_PROXIES is 0: if a reverse proxy of yours sent it, all customers "
        "are counted as one address. Set NUM_PROXIES to the number of proxies in front, usually 1"
    )


def counted(given: str, bits: int = LINE) -> str:
    """What an address is counted by."""
    with_port = WITH_PORT.fullmatch(given)
    try:
        found = ip_address(with_port[1] or with_port[2] if with_port else given)
    except ValueError:
        _warn_of_no_address()
        return NO_ADDRESS
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, bits), strict=False))
    return str(found)


@cache
def _warn_of_no_address() -> None:
    logger.warning(
        "A request came from what is no address: all such are counted as one customer's. Set NUM_PROXIES to the number "
        "of proxies in front, and have each add an address to X-Forwarded-For"
    )


def rate(given: str) -> Rate | None:
    """What a setting such as SEARCH_THROTTLE gives, 120/min for example; None where it is off."""
    if given == "off":
        return None
    parsed = SimpleRateThrottle.parse_rate(cast(Any, None), given)
    return Rate(*cast(tuple[int, int], parsed))


class AddressThrottle(BaseThrottle):
    """SEARCH_THROTTLE for each address without an account, and a key's own quotas. A request may count as several.

    Anybody can read a publishable key, so it is counted by address as well.
    """

    scope: str
    seconds = 0.0

    def __init__(self, cost: int = 1) -> None:
        self.cost = cost

    def allow_request(self, request: Request, view: "APIView") -> bool:
        if not self._take(request, self.cost):
            if isinstance(request.auth, Key):
                usage.count(request.auth, usage.REFUSALS)
            return False
        if isinstance(request.auth, Key):
            with self._given_back(request, self.cost):
                quotas.take(request.auth, self.cost)
        return True

    def raise_to(self, request: Request, cost: int) -> bool:
        """Whether a request that was counted once may count as `cost`. If not, it counts as none."""
        limit, key = self._limit(request), request.auth
        if limit and not self._take(request, min(cost, limit.limit) - 1):
            limit.count(self._key(request), -1)
            if isinstance(key, Key):
                quotas.refuse(key)
            return False
        if isinstance(key, Key):
            with self._given_back(request, cost):
                quotas.raise_to(key, cost)
        return True

    @contextmanager
    def _given_back(self, request: Request, cost: int) -> Iterator[None]:
        """What the key's quota refuses does not count for the address."""
        try:
            yield
        except quotas.QuotaExceeded:
            if limit := self._limit(request):
                limit.count(self._key(request), -min(cost, limit.limit))
            raise

    def _limit(self, request: Request) -> Rate | None:
        """The limit of the request's address; None where it has none."""
        key = request.auth
        if key.kind == Key.Kind.SECRET if isinstance(key, Key) else request.user.is_authenticated:
            return None
        return rate(settings.SEARCH_THROTTLE)

    def _take(self, request: Request, cost: int) -> bool:
        if (limit := self._limit(request)) is None:
            return True
        self.seconds = limit.take(self._key(request), cost)
        return self.seconds == 0

    def settle(self, request: Request, taken: int, cost: int) -> None:
        """Have a request that was counted as `taken` count as what it has cost. Neither is above a limit."""
        if limit := self._limit(request):
            limit.settle(self._key(request), taken, cost)
        if isinstance(request.auth, Key):
            quotas.settle(request.auth, taken, cost)

    def wait(self) -> float:
        return self.seconds

    def _key(self, request: Request) -> str:
        return f"{self.scope}:{address(request)}"


class SearchThrottle(AddressThrottle):
    """What runs an encoder: searches by photo, and by words for their meaning."""

    scope = "search"


class BrowseThrottle(AddressThrottle):
    """Everything else that reads the index, counted apart: a page asks for it beside every search."""

    scope = "browse"


class CatalogueThrottle(AddressThrottle):
    """Products, photos, categories and the API's documentation, counted apart: a page of the shop asks for several."""

    scope = "catalogue"


class EventThrottle(AddressThrottle):
    """What customers do with answers, counted apart: a page tells it as they leave for the product's page."""

    scope = "events"
