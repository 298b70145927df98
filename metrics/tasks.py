"""Tasks of the workers: how many, how long, and when the last one went well."""

import time

from prometheus_client import Counter, Gauge, Histogram

from metrics import buckets

TASKS = Counter("lamplight_tasks", "Tasks that ended, by their state: success, failure, retry ...", ["task", "state"])
BEGUN = Counter("lamplight_tasks_begun", "Tasks that were begun. One that is killed never ends.", ["task"])
DURATION = Histogram("lamplight_task_duration_seconds", "Time that a task took.", ["task"], buckets=buckets.WORK)
LAST_SUCCESS = Gauge(
    "lamplight_task_last_success_timestamp_seconds",
    "When the task ended well last, in Unix time.",
    ["task"],
    multiprocess_mode="max",
)
SENT_AT = "sent_at"
"""The header of a message that says when it was sent, in Unix time."""

_begun: dict[str, float] = {}


def begin(task_id: str, name: str) -> None:
    BEGUN.labels(name).inc()
    _begun[task_id] = time.monotonic()


def end(task_id: str, name: str, state: str) -> None:
    TASKS.labels(name, state.lower()).inc()
    if (begun := _begun.pop(task_id, None)) is not None:
        DURATION.labels(name).observe(time.monotonic() - begun)
    if state == "SUCCESS":
        LAST_SUCCESS.labels(name).set(time.time())
