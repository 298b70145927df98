"""The id of a request. It is answered, and stands in each of its lines, in those of its tasks and in its search's row."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import structlog

HEADER = "X-Request-ID"
FIELD = "request_id"
# An id of the caller's or a proxy's is taken if it can do no harm. It names lines and nothing else, so it need not be
# believed: who sends the id of another request only makes their own lines harder to tell apart.
SAFE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def given_or_new(given: str | None) -> str:
    return given if given and SAFE.fullmatch(given) else uuid4().hex


def current() -> str | None:
    """The id of the request that this thread serves, or that sent the task which it runs."""
    found: str | None = structlog.contextvars.get_contextvars().get(FIELD)
    return found


@contextmanager
def bound(request_id: str) -> Iterator[None]:
    """Lines written in the block are those of this request."""
    with structlog.contextvars.bound_contextvars(**{FIELD: request_id}):
        yield
