"""A request on its way in: how much of it may come, and how long that may take."""

import time
from concurrent.futures import Future

from django.conf import settings
from django.http import parse_cookie
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, Error

from catalog import limits
from config.web import refusals

# A browser sends its header in one packet. This leaves time for that packet to be sent anew on a bad network.
HEADER_SECONDS = 10
# A body may take this long, and a second more for each LEAST_RATE bytes that have come: the largest photo takes 18
# minutes over the slowest network that is waited for, 160 kbit/s.
BODY_SECONDS, LEAST_RATE = 20, 20_000
# Bytes of a chunked body that are parsed in one go. The parser copies what is left at each chunk.
PIECE = 4096


class Request(HTTPRequestParser):
    """waitress's parser, with limits of each request's own."""

    path = "/"
    limit = 0
    """The most bytes of the body, known once the header is read."""
    leave: Future[refusals.Refusal | None] | None = None
    """Whether the sender may send so much; None where nobody needs to be asked."""

    def __init__(self, adj: object) -> None:
        super().__init__(adj)
        self.began = time.monotonic()

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # int() refuses a text of thousands of digits.
            raise ParsingError("Content-Length is no number that a body could have") from error
        self.path = "/" + self.path.lstrip("/")  # As waitress tells it to Django.
        content_type = self.headers.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        has_session = settings.SESSION_COOKIE_NAME in self.cookies
        self.limit = limits.allowed_bytes(self.path, content_type, has_session)
        if self.chunked:  # Browsers tell the length of a form.
            self.limit = settings.MAX_REQUEST_BYTES

    def received(self, data: bytes) -> int:
        consumed: int = super().received(data[:PIECE] if self.chunked else data)
        if self.error is None and max(self.content_length, self.body_bytes_received) > self.limit:
            self.refuse(refusals.too_large(self.limit))
        elif self.error is None and self.chunked and self.body_bytes_received > 2 * len(self.body_rcv) + PIECE:
            self.refuse(BadRequest("Most of the body is its division into chunks."))
        return consumed

    def refuse(self, error: Error) -> None:
        self.error, self.completed = error, True
        self.expect_continue = False  # waitress would ask for the body first.

    @property
    def cookies(self) -> dict[str, str]:
        return dict(parse_cookie(self.headers.get("COOKIE", "")))

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.headers_finished and (self.body_rcv is None or self.body_rcv.completed)

    @property
    def may_come(self) -> bool:
        """Whether its body is to be read: somebody may have to be asked first, and may say no."""
        return self.leave is None or (self.leave.done() and self.leave.result() is None)

    @property
    def needs_leave(self) -> bool:
        """Whether it is longer than what a stranger may send."""
        return not self.completed and self.content_length > settings.MAX_REQUEST_BYTES

    def is_late(self, now: float) -> bool:
        taken = now - self.began
        if not self.headers_finished:
            return taken > HEADER_SECONDS
        return taken > BODY_SECONDS + self.body_bytes_received / LEAST_RATE
