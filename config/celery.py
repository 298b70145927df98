"""The Celery application; its settings are the CELERY_* names in settings.py."""

import os
import sys
from pathlib import Path
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
def say_no_goodbye(**kwargs: Any) -> None:
    """Keep what Celery says when it is stopped off a log of JSON: it writes that past the log, to the first output."""
    if settings.LOG_FORMAT == "json":
        sys.__stdout__ = Path(os.devnull).open("w")  # noqa: SIM115  it is open as long as the process


@worker_process_init.connect
def give_way(**kwargs: Any) -> None:
    """Lower the worker's priority: the web server gets the cores if both want them.

    A customer waits for a query, and nobody waits for a batch. Between containers the kernel shares the cores by
    weights instead (cpu_shares in compose.yaml).
    """
    os.nice(10)
