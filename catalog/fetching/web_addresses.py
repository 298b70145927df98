"""Web addresses as feeds write them: read once, so that nobody reads them in two ways."""

import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote, urljoin, urlsplit

import idna

from catalog.fetching.answers import NotFetched

PORTS = {"http": 80, "https": 443}
FIRST_FREE_PORT = 1024
MAX_CHARACTERS = 2048
# What stands for what is not shown. No address holds it: other letters than ASCII's are percent-encoded.
HIDDEN = "…"
# What an address may hold as it is; a % that begins no escape is one of the servers' own business.
AS_IT_IS = "%/:=&?~+!$,;'@()*[]|"
CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")


@dataclass(frozen=True)
class WebAddress:
    """Where to ask, and for what."""

    scheme: str
    """http or https."""
    host: str
    """In ASCII and lower case. That of IPv6 has no brackets."""
    port: int
    target: str
    """Path and query, escaped."""
    credentials: str = field(default="", repr=False)
    """user:password, for this origin alone. Some hosts know a user without a password: then it ends with the colon."""

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host as a Host header has it, with the port where it is not that of the scheme."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The address without user and password. Pages show less of it: the function `shown`."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def has_port_of_the_web(self) -> bool:
        return self.port in PORTS.values() or self.port >= FIRST_FREE_PORT

    @property
    def authorization(self) -> str:
        """What the Authorization header says; empty without user and password."""
        return f"Basic {b64encode(self.credentials.encode()).decode()}" if self.credentials else ""

    def redirected(self, location: str) -> "WebAddress":
        """The address that a Location of this one's answer names. Another origin gets no user and password.

        Raises NotFetched.
        """
        try:
            joined = urljoin(self.shown, location.strip())
        except ValueError as error:
            raise NotFetched("bad_answer", "The server leads to an address that cannot be read.") from error
        there = read_address(joined)
        # What a server writes into a Location is no secret that the shop gave us.
        return replace(there, credentials=self.credentials if there.origin == self.origin else "")


def read_address(url: str) -> WebAddress:
    """The address as a whole. Letters that no address may hold are escaped, as browsers do. Raises NotFetched."""
    url = url.strip()
    if len(url) > MAX_CHARACTERS:
        raise bad(f"The address has more than {MAX_CHARACTERS:,} characters.")
    if CONTROL.search(url):
        raise bad("The address holds a backslash or a control character.")
    try:
        parts = urlsplit(url)
        scheme, port = parts.scheme.lower(), parts.port
    except ValueError as error:
        raise bad("The address cannot be read: its host or port is damaged.") from error
    if scheme not in PORTS:
        raise bad("The address is none of the web: write one that starts with https://.")
    if port == 0:
        raise bad("The address has port 0.")
    if "@" in parts.query and not parts.path and "@" not in parts.netloc:  # A password may hold the question mark.
        raise bad("The address has an @ behind its ?. Write %3F for a ? in a password, or a / before the ?.")
    user, _, _ = parts.netloc.rpartition("@")
    return WebAddress(
        scheme,
        ascii_host(parts.hostname or ""),
        port or PORTS[scheme],
        quote(parts.path or "/", safe=AS_IT_IS) + (f"?{quote(parts.query, safe=AS_IT_IS)}" if parts.query else ""),
        credentials=unquote(user if ":" in user or not user else f"{user}:"),
    )


def ascii_host(host: str) -> str:
    """The host's name in ASCII, lower case. Raises NotFetched."""
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError as error:
        raise bad("The address has no valid host name.") from error
    # This refuses zones of IPv6 (fe80::1%eth0) and escapes as well: no server of photos is called so.
    if not NAME.fullmatch(name) or len(name) > 253:
        raise bad("The address has no valid host name.")
    return name


def shown(url: str) -> str:
    """The address as messages and pages show it: without user, password and what stands behind the question mark.

    Each of them may be a secret. What cannot be read is not shown at all.
    """
    try:
        read = read_address(url)
    except NotFetched:
        return "(an address that cannot be read)"
    path, query, _ = read.target.partition("?")
    credentials = f"{HIDDEN}@" if read.credentials else ""
    return f"{read.scheme}://{credentials}{read.authority}{path}" + (f"?{HIDDEN}" if query else "")


def bad(reason: str) -> NotFetched:
    return NotFetched("bad_address", reason)
