"""Connections that reach no other address than those that were checked, and take no longer than a deadline.

The name is resolved here, all its addresses are checked, and the connection is made to one of these very addresses:
a name that means something else a moment later leads nowhere. TLS is spoken with the name.
"""

import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import httpcore2

from catalog.fetching.answers import NotFetched
from catalog.fetching.networks import Network, ResolverSilent, is_allowed, resolve_within

# Addresses of one host that are tried. More are of no use within a deadline.
MOST_TRIED = 4
# When the request that this thread makes is over, by the monotonic clock. A pool's streams live longer than a request.
deadline: ContextVar[float] = ContextVar("deadline")


def left(most: float | None, out_of_time: type[Exception]) -> float:
    """Seconds that an operation may take. Raises `out_of_time` when the whole request has none left."""
    seconds = deadline.get() - time.monotonic()
    if seconds <= 0:
        raise out_of_time
    return seconds if most is None else min(most, seconds)


class CheckedBackend(httpcore2.NetworkBackend):
    """Makes the connections of a pool. Safe to use from several threads."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Raises NotFetched, httpcore2.ConnectTimeout."""
        addresses = self._checked(host, port, left(timeout, httpcore2.ConnectTimeout))
        failure: Exception = httpcore2.ConnectTimeout()
        for place, address in enumerate(addresses, start=1):
            seconds = left(timeout, httpcore2.ConnectTimeout) / (1 if place == len(addresses) else 2)
            try:
                return BoundedStream(self._inner.connect_tcp(address, port, seconds, None, socket_options or ()))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    def _checked(self, host: str, port: int, seconds: float) -> list[str]:
        """The host's addresses, if all of them are allowed. Raises NotFetched."""
        try:
            addresses = resolve_within(host, port, seconds)
        except ResolverSilent as error:
            raise NotFetched("timed_out", f"{host} was not found within {seconds:.0f} s.", may_pass=True) from error
        except OSError as error:
            raise NotFetched("unresolved", f"{host} has no address.", may_pass=True) from error
        if not addresses:
            raise NotFetched("unresolved", f"{host} has no address.", may_pass=True)
        # One inner address among outer ones is no accident either.
        if not all(is_allowed(address, self._networks) for address in addresses):
            raise NotFetched("refused_address", f"{host} is in a private network (see FETCH_NETWORKS).")
        return list(addresses[:MOST_TRIED])


class BoundedStream(httpcore2.NetworkStream):
    """A stream on which no operation outlasts the deadline of the request, however little comes at a time."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        seconds = left(timeout, httpcore2.ConnectTimeout)
        return BoundedStream(self._inner.start_tls(ssl_context, server_hostname, seconds))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
