"""Fetches web addresses that strangers wrote: over HTTP, within limits of time and size, and from the internet alone.

Rules, in short (docs/configuration.md): https unless the shop allows http; ports 80, 443 and those above 1023; no
private network; at most five redirects, each checked as the first address was; user and password for their own host;
no proxy, no cookie, nothing of the environment.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import IO

import certifi
import httpcore2
from django.conf import settings

from catalog.fetching.answers import Answer, NotFetched, rest_asked_for
from catalog.fetching.bodies import decoded, too_large
from catalog.fetching.connections import CheckedBackend, deadline
from catalog.fetching.networks import Network
from catalog.fetching.web_addresses import WebAddress, read_address
from ml.images import MAX_BYTES

MOST_REDIRECTS = 5
REDIRECTS = {301, 302, 303, 307, 308}
# Seconds that a connection may wait for the next request to its host. Apache closes it after five.
KEPT_ALIVE = 3
FORBIDDEN = {401, 403, 407, 451}
# It may pass: a time-out, too early, too many.
PASSING = {408, 425}


@dataclass(frozen=True)
class Limits:
    """What fetching one address may take. Those of a photo by default."""

    most_bytes: int = MAX_BYTES
    connect: float = 5
    """Seconds to find a host, and as many to connect to it."""
    read: float = 10
    """Seconds without a byte."""
    whole: float = 30
    """Seconds for everything, redirects included."""


class Client:
    """Fetches addresses. Safe to use from several threads; connections to a host are used again for some seconds."""

    def __init__(
        self,
        user_agent: str = "Lamplight",
        networks: Iterable[Network] = (),
        plain_http: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`networks` may be reached although they are private. `plain_http` allows addresses without TLS."""
        self._user_agent = user_agent
        self._plain_http = plain_http
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls or trusted(),
            max_connections=None,
            max_keepalive_connections=32,
            keepalive_expiry=KEPT_ALIVE,
            network_backend=CheckedBackend(networks),
        )

    def close(self) -> None:
        self._pool.close()

    def fetch(
        self,
        url: str,
        limits: Limits = Limits(),
        etag: str = "",
        last_modified: str = "",
        into: IO[bytes] | None = None,
        accept: str = "image/*",
    ) -> Answer:
        """What is at the address. With `into`, a file, the body is written there, and the answer's is empty.

        `etag` and `last_modified` are those of the answer that one has: if it is still good the answer is
        `not_modified`. After a failure the file may hold a part of a body.

        Raises NotFetched.
        """
        address = read_address(url)
        token = deadline.set(time.monotonic() + limits.whole)
        try:
            for _ in range(MOST_REDIRECTS + 1):
                self._check(address)
                headers = self._headers(address, etag, last_modified, accept)
                with self._asked(address, headers, limits) as response:
                    if response.status not in REDIRECTS:
                        return answered(address, response, limits, into, is_conditional=bool(etag or last_modified))
                    address = self._redirected(address, header(response, "location"))
        finally:
            deadline.reset(token)
        raise NotFetched("too_many_redirects", f"It was redirected more than {MOST_REDIRECTS} times.")

    def _check(self, address: WebAddress) -> None:
        """Refuse what needs no look at the network. Raises NotFetched."""
        if address.scheme != "https" and not self._plain_http:
            raise NotFetched("refused_address", "It is not encrypted: write https:// (or see FETCH_HTTP).")
        if not address.has_port_of_the_web:
            raise NotFetched("refused_address", f"Port {address.port} is none of the web.")

    def _redirected(self, address: WebAddress, location: str) -> WebAddress:
        if not location:
            raise NotFetched("bad_answer", "The server redirects, and does not say where to.")
        return address.redirected(location)

    def _headers(self, address: WebAddress, etag: str, last_modified: str, accept: str) -> list[tuple[str, str]]:
        """Only what is ASCII: the validators are a server's own words, and come from the database."""
        told = [
            ("Host", address.authority),
            ("User-Agent", self._user_agent),
            ("Accept", f"{accept}, */*;q=0.5"),
            ("Accept-Encoding", "identity"),
            ("Authorization", address.authorization),
            ("If-None-Match", etag),
            ("If-Modified-Since", last_modified),
        ]
        return [(name, value) for name, value in told if value and value.isascii() and value.isprintable()]

    @contextmanager
    def _asked(
        self, address: WebAddress, headers: list[tuple[str, str]], limits: Limits
    ) -> Iterator[httpcore2.Response]:
        """The server's answer, whose body is still to be read. Raises NotFetched, of reading the body as well."""
        request = httpcore2.Request(
            "GET",
            httpcore2.URL(
                scheme=address.scheme.encode(),
                host=address.host.encode(),
                port=address.port,
                target=address.target.encode(),
            ),
            headers=headers,
            extensions={"timeout": {"connect": limits.connect, "read": limits.read, "write": limits.read}},
        )
        with told_apart(address):
            try:
                response = self._pool.handle_request(request)
            except (httpcore2.RemoteProtocolError, httpcore2.ReadError, httpcore2.WriteError):
                # A kept connection may have ended just now, or hold what came too much after the answer before.
                response = self._pool.handle_request(request)
            try:
                yield response
            finally:
                response.close()


def answered(
    address: WebAddress, response: httpcore2.Response, limits: Limits, into: IO[bytes] | None, is_conditional: bool
) -> Answer:
    """What an answer that is no redirect brings. Raises NotFetched."""
    etag, last_modified = header(response, "etag"), header(response, "last-modified")
    if response.status == 304 and is_conditional:
        return Answer(address.shown, etag=etag, last_modified=last_modified, not_modified=True)
    if response.status not in (200, 203):
        raise refusal(response)
    stated = header(response, "content-length")
    if stated.isdecimal() and float(stated) > limits.most_bytes:  # int() refuses thousands of digits.
        raise too_large(limits.most_bytes)
    assert isinstance(response.stream, Iterable)
    body, size = bytearray(), 0
    for piece in decoded(response.stream, header(response, "content-encoding"), limits.most_bytes):
        size += len(piece)
        if into is None:
            body += piece
        else:
            into.write(piece)
    return Answer(address.shown, bytes(body), size, header(response, "content-type"), etag, last_modified)


def refusal(response: httpcore2.Response) -> NotFetched:
    """Why there is no body in an answer with this status."""
    status = response.status
    reason = f"The server answered with {status}."
    rest = rest_asked_for(header(response, "retry-after"))
    if status in (429, 503):
        return NotFetched("busy", reason, may_pass=True, retry_after=rest)
    if status >= 500 or status in PASSING:
        return NotFetched("server_error", reason, may_pass=True, retry_after=rest)
    if status in (404, 410):
        return NotFetched("not_found", reason)
    return NotFetched("forbidden" if status in FORBIDDEN else "bad_answer", reason)


def header(response: httpcore2.Response, name: str) -> str:
    """A header's first value; empty if there is none."""
    wanted = name.encode()
    return next((value.decode("latin-1").strip() for key, value in response.headers if key.lower() == wanted), "")


@contextmanager
def told_apart(address: WebAddress) -> Iterator[None]:
    """Turn what the library raises into NotFetched."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        slow = "could not be reached" if isinstance(error, httpcore2.ConnectTimeout) else "took too long"
        raise NotFetched("timed_out", f"{address.host} {slow}.", may_pass=True) from error
    except httpcore2.ConnectError as error:
        if isinstance(error.__cause__ or error.__context__, ssl.SSLError):
            raise NotFetched("tls", f"{address.host} has no valid certificate.", may_pass=True) from error
        raise NotFetched("unreachable", f"{address.host} does not answer.", may_pass=True) from error
    except httpcore2.NetworkError as error:
        raise NotFetched("unreachable", f"{address.host} broke off.", may_pass=True) from error
    except httpcore2.RemoteProtocolError as error:
        raise NotFetched("unreachable", f"{address.host} broke off, or speaks no HTTP.", may_pass=True) from error
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
        raise NotFetched("bad_address", "No request can be made of the address.") from error


@cache
def trusted() -> ssl.SSLContext:
    """Whose certificates are taken: those of the system, or of SSL_CERT_FILE, and Mozilla's."""
    context = httpcore2.default_ssl_context()
    context.load_verify_locations(certifi.where())
    return context


def shops_client() -> Client:
    """A client by the settings: FETCH_NETWORKS, FETCH_HTTP, FETCH_CONTACT."""
    return Client(settings.FETCH_USER_AGENT, settings.FETCH_NETWORKS, settings.FETCH_HTTP)
