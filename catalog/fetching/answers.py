"""What fetching an address brings: an answer, or the reason why there is none."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    url: str
    """Where it was found, after redirects, without user and password."""
    body: bytes = b""
    """Empty where the bytes went into a file, or nothing has changed."""
    size: int = 0
    """The bytes of the body, decompressed."""
    content_type: str = ""
    etag: str = ""
    last_modified: str = ""
    not_modified: bool = False
    """Whether the server says that what we have is what it has (304)."""


class NotFetched(Exception):  # noqa: N818  it names what became of the address
    """Nothing was fetched. The message says why in a line, and shows neither user nor password.

    `code` is one of:
        bad_address         it cannot be read as a web address
        refused_address     it leads where Lamplight must not reach: a private network, plain http, an odd port
        unresolved          its name has no address
        unreachable         nobody answers there, or the connection broke
        tls                 the certificate is not valid for the name
        timed_out           it took too long
        busy                the server wants to be left alone (429, 503)
        server_error        it failed (5xx)
        not_found           there is nothing (404, 410)
        forbidden           it may not be fetched (401, 403, 407, 451)
        bad_answer          another status, or no HTTP
        too_many_redirects  it leads from one address to the next
        too_large           it has more bytes than are taken
    """

    def __init__(self, code: str, reason: str, may_pass: bool = False, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.may_pass = may_pass
        """Whether trying again later makes sense."""
        self.retry_after = retry_after
        """How long the server wants no request, as it says; None if it does not say."""


# However long a server says to stay away.
LONGEST_REST = timedelta(days=1)


def rest_asked_for(told: str) -> timedelta | None:
    """What a Retry-After says, in seconds or as a date, LONGEST_REST at most; None if it says nothing."""
    told = told.strip()
    if told.isascii() and told.isdigit():
        return min(timedelta(seconds=int(told[:9])), LONGEST_REST)
    try:
        date = parsedate_to_datetime(told)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        return min(max(date - datetime.now(UTC), timedelta(0)), LONGEST_REST)
    except (ValueError, OverflowError, TypeError):
        return None
