"""The id of a request: it is answered, and stands in its lines, in those of its tasks and in the log of searches."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

HEADER = "X-Request-ID"
FIELD = "request_id"
# An id of the caller's or a proxy's is taken if it can do no harm. It names lines and nothing else, so it need not be
# believed: who sends the id of another request only makes their own lines harder to tell apart.
LENGTH = 8  # Bytes of an id of ours, short enough to be told. Among ten million, two are alike once in 400,000 times.
SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def given_or_new(given: str | None) -> str:
    return given if given and SAFE.fullmatch(given) else secrets.token_hex(LENGTH)


def current() -> str | None:
    """The id of the request that this thread serves, or that sent the task which it runs."""
    found: str | None = structlog.contextvars.get_contextvars().get(FIELD)
    return found


@contextmanager
def bound(request_id: str) -> Iterator[None]:
    """Lines written in the block are those of this request."""
    with structlog.contextvars.bound_contextvars(**{FIELD: request_id}):
        yield
