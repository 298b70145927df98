"""Brings a feed's file here, if it has changed."""

from dataclasses import dataclass
from datetime import timedelta

from catalog.feeds.models import MAX_HEADER, Feed
from catalog.fetching.answers import NotFetched
from catalog.fetching.client import Limits, shops_client
from catalog.importing.recognition import MAX_CSV_BYTES
from catalog.storage import PrivateUpload

# A shop's system may write the file while it is asked for it: that takes a minute at times.
LIMITS = Limits(most_bytes=MAX_CSV_BYTES, connect=10, read=60, whole=120)
ACCEPT = "text/csv, text/tab-separated-values, application/rss+xml, application/atom+xml, application/xml, text/xml"
# The connection is checked as it is made, so this lasts longer than LIMITS only where a process has died.
LEASE = timedelta(seconds=LIMITS.whole + 60)


class NoFile(Exception):  # noqa: N818  it names what became of the file
    """The file is not here. The message says why in a sentence, without user, password or query of the address."""

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Brought:
    file: PrivateUpload
    """Where imports lie. Closing it deletes it, unless it was stored."""
    etag: str
    last_modified: str


def download(feed: Feed, is_conditional: bool) -> Brought | None:
    """The file; None if the server says that it is the one imported last. Raises NoFile, OSError."""
    file = PrivateUpload(feed.name, "", 0, None, None)
    client = shops_client()
    etag, last_modified = (feed.etag, feed.last_modified) if is_conditional else ("", "")
    try:
        answer = client.fetch(feed.address, LIMITS, etag, last_modified, into=file, accept=ACCEPT)
        if answer.not_modified:
            file.close()
            return None
        if not answer.size:
            raise NoFile("The server's answer is empty.")
        file.flush()
        file.size = answer.size
    except NotFetched as failure:
        file.close()
        raise NoFile(str(failure), failure.retry_after) from failure
    except BaseException:
        file.close()
        raise
    finally:
        client.close()
    return Brought(file, kept(answer.etag), kept(answer.last_modified))


def kept(header: str) -> str:
    return header if len(header) <= MAX_HEADER and header.isascii() and header.isprintable() else ""
