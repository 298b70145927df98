"""The Celery application; its settings are the CELERY_* names in settings.py."""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, worker_process_init
from django.conf import settings

from config.logs import tasks  # noqa: F401  its receivers

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
