"""The Celery application; its settings are the CELERY_* names in settings.py."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("lamplight")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_process_init.connect
def give_way(**kwargs: Any) -> None:
    """A customer waits for a query, nobody for a batch: where both want the cores, the web server gets them.

    Between containers the kernel shares the cores by their weights instead (compose.yaml, cpu_shares).
    """
    os.nice(10)
