"""One line per task, and the id of the request that sent it."""

import logging
import time
from typing import Any

import structlog
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun

from config.logs import request_ids

logger = logging.getLogger(__name__)
BEGUN = "task_begun"


@setup_logging.connect
def keep_logging(**kwargs: Any) -> None:
    """Have Celery leave the log as Django has set it up: it would put handlers and formats of its own."""


@before_task_publish.connect
def send_request_id(headers: dict[str, Any], **kwargs: Any) -> None:
    """Give a task the id of the request that sends it. What a task sends in turn is everybody's work, and has none."""
    is_in_task = "task_id" in structlog.contextvars.get_contextvars()
    if not is_in_task and (request_id := request_ids.current()):
        headers[request_ids.FIELD] = request_id


@task_prerun.connect
def begin(task: Any, task_id: str, **kwargs: Any) -> None:
    structlog.contextvars.clear_contextvars()
    sent_by = getattr(task.request, request_ids.FIELD, None)
    structlog.contextvars.bind_contextvars(task_id=task_id, **({request_ids.FIELD: sent_by} if sent_by else {}))
    setattr(task.request, BEGUN, time.monotonic())


@task_postrun.connect
def end(task: Any, state: str | None = None, **kwargs: Any) -> None:
    """Write the task's line. One that is killed has none: Celery writes that its worker was lost."""
    begun = getattr(task.request, BEGUN, None)
    ms = None if begun is None else round(1000 * (time.monotonic() - begun), 1)
    outcome = (state or "unknown").lower()
    logger.info("task", extra={"fields": {"task": task.name, "outcome": outcome, "ms": ms}})
    structlog.contextvars.clear_contextvars()
