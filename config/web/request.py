"""A request on its way in: how much of it may come, and how long that may take."""

import errno
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import cached_property

from django.conf import settings
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, Error, RequestHeaderFieldsTooLarge

from catalog import limits
from catalog.outages import DiskFull, outage
from config.logs import request_ids
from config.web import refusals

# A browser sends its header in one packet. This leaves time for that packet to be sent anew on a bad network.
HEADER_SECONDS = 10
# A body may take this long, and a second more for each LEAST_RATE bytes that have come: the largest photo takes 18
# minutes over the slowest network that is waited for, 160 kbit/s.
BODY_SECONDS, LEAST_RATE = 20, 20_000
# Bytes of a chunked body that are parsed in one go. The parser copies what is left at each chunk.
PIECE = 4096
# Bytes of what may follow the last chunk. Nobody here reads it, and the parser searches all of it at each piece.
MOST_TRAILER = 4096
# Bytes of all cookies: the shop's own take 200, and those of other programs on its domain need room.
MOST_COOKIES = 8192
# A body that has more digits of bytes is none. int() refuses a text of thousands of digits.
MOST_DIGITS = 20


class Request(HTTPRequestParser):
    """waitress's parser, with limits of each request's own."""

    path = "/"
    command = ""
    is_understood = False
    """Whether its header was read to the end, so that it is known whether a body follows."""
    limit = 0
    """The most bytes of the body, known once the header is read."""
    leave: Future[refusals.Refusal | None] | None = None
    """Whether the sender may send so much; None where nobody needs to be asked."""
    came_at = 0.0
    """When all of it had come, or it was given up, in the time of the monotonic clock."""

    def __init__(self, adj: object) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            if len(self.headers.get("CONTENT_LENGTH", "")) > MOST_DIGITS:
                raise ParsingError("Content-Length is no number that a body could have") from error
            raise ParsingError("The address cannot be read") from error
        self.path = "/" + self.path.lstrip("/")  # As waitress tells it to Django.
        content_type = self.headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        self.limit = limits.allowed_bytes(self.path, content_type, self._has_session)
        if self.chunked:  # Browsers tell the length of a form.
            self.limit = settings.MAX_REQUEST_BYTES
        self.is_understood = True

    def received(self, data: bytes) -> int:
        try:
            consumed: int = super().received(data[:PIECE] if self.chunked else data)
        except OSError as error:  # A large body is in a temporary file.
            if isinstance(outage(error), DiskFull):
                self.refuse(refusals.DISK_FULL)
            elif error.errno in (errno.EMFILE, errno.ENFILE):
                self.refuse(refusals.BUSY)
            else:
                raise
            return len(data)
        if self.error is None and (excess := self._excess()):
            self.refuse(excess)
        if self.completed:
            self.expect_continue = False  # waitress would ask for a body that does not come, and read on into this one.
        return consumed

    def _excess(self) -> Error | None:
        """What is too much of it."""
        if max(self.content_length, self.body_bytes_received) > self.limit:
            return refusals.too_large(self.limit)
        if len(self.headers.get("COOKIE", "")) > MOST_COOKIES:
            return RequestHeaderFieldsTooLarge(f"Cookies have at most {MOST_COOKIES} bytes. Clear those of this site.")
        if not self.chunked:
            return None
        if len(self.body_rcv.trailer) > MOST_TRAILER:
            return RequestHeaderFieldsTooLarge(f"What follows the last chunk has at most {MOST_TRAILER} bytes.")
        if self.body_bytes_received > 2 * len(self.body_rcv) + PIECE:
            return BadRequest("Most of the body is its division into chunks.")
        return None

    def refuse(self, error: Error) -> None:
        self.error, self.completed = error, True
        self.expect_continue = False  # waitress would ask for the body first.

    def close(self) -> None:
        with suppress(OSError):  # What a full disk did not take is written once more.
            super().close()

    @cached_property
    def id(self) -> str:
        """Its name in the log, known once the header is read."""
        return request_ids.given_or_new(self.headers.get("X_REQUEST_ID"))

    @property
    def _has_session(self) -> bool:
        """Whether a cookie has the session's name. Its value is read by who asks for leave, in another thread."""
        cookies = self.headers.get("COOKIE", "").split(";")
        return any(cookie.partition("=")[0].strip() == settings.SESSION_COOKIE_NAME for cookie in cookies)

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is still to come."""
        is_read = self.headers_finished and self.is_understood
        return is_read and (self.body_rcv is None or self.body_rcv.completed)

    @property
    def may_come(self) -> bool:
        """Whether its body is to be read: somebody may have to be asked first, and may say no."""
        return self.leave is None or (self.leave.done() and self.refused_leave is None)

    @property
    def refused_leave(self) -> refusals.Refusal | None:
        """Why its sender may not send so much, once that is known."""
        if self.leave is None or not self.leave.done():
            return None
        if self.leave.cancelled() or self.leave.exception():
            return refusals.UNCHECKED
        return self.leave.result()

    def cancel_leave(self) -> None:
        if self.leave is not None:
            self.leave.cancel()

    @property
    def needs_leave(self) -> bool:
        """Whether it is longer than what a stranger may send."""
        return not self.completed and self.content_length > settings.MAX_REQUEST_BYTES

    def is_late(self, now: float) -> bool:
        taken = now - self.began
        if not self.headers_finished:
            return taken > HEADER_SECONDS
        return taken > BODY_SECONDS + self.body_bytes_received / LEAST_RATE
