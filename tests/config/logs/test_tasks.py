"""The id of a request on its way to a task."""

import structlog

from config.logs import request_ids
from config.logs.tasks import send_request_id


def headers_of_a_task() -> dict[str, object]:
    headers: dict[str, object] = {}
    send_request_id(headers=headers)
    return headers


def test_a_task_gets_the_id_of_the_request_that_sends_it():
    with request_ids.bound("abc-1"):
        assert headers_of_a_task() == {"request_id": "abc-1"}
    assert headers_of_a_task() == {}


def test_what_a_task_sends_has_none():
    """It goes on with everybody's work: an upload of 100,000 photos would else give its id to what comes for hours."""
    with request_ids.bound("abc-1"), structlog.contextvars.bound_contextvars(task_id="1"):
        assert headers_of_a_task() == {}
