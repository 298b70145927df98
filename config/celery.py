"""The Celery application; its settings are the CELERY_* names in settings.py."""

import os
import time
from typing import Any

from celery import Celery, Task
from celery.signals import before_task_publish, celeryd_init, task_postrun, task_prerun, worker_process_init
from django.conf import settings

from config import worker_memory  # noqa: F401  its receivers
from config.logs import tasks  # noqa: F401  its receivers
from metrics import shared
from metrics import tasks as counted

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("lamplight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def keep_to_the_log(**kwargs: Any) -> None:
    """Drop what is not of the log, where it is JSON: Celery says on its output that it stops, in plain words."""
    if settings.LOG_FORMAT == "json":
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@worker_process_init.connect
def give_way(**kwargs: Any) -> None:
    """Lower the worker's priority: the web server gets the cores if both want them.

    A customer waits for a query, and nobody waits for a batch. Between containers the kernel shares the cores by
    weights instead (cpu_shares in compose.yaml).
    """
    os.nice(10)


@celeryd_init.connect
def share_counts(sender: str, options: dict[str, Any], **kwargs: Any) -> None:
    """Count together with the other processes, under the worker's name without its host: index@shop is "index"."""
    children = int(options.get("concurrency") or os.cpu_count() or 1)
    shared.count_as(sender.partition("@")[0], settings.METRICS_ROOT, children + 1)  # And their parent.


@before_task_publish.connect
def note_when(headers: dict[str, Any], **kwargs: Any) -> None:
    """Note when a message was sent: the oldest one's age tells of a queue that nobody takes from."""
    headers[counted.SENT_AT] = time.time()


@task_prerun.connect
def count_begin(task_id: str, task: Task, **kwargs: Any) -> None:
    counted.begin(task_id, task.name)


@task_postrun.connect
def count_end(task_id: str, task: Task, state: str | None = None, **kwargs: Any) -> None:
    counted.end(task_id, task.name, state or "UNKNOWN")
