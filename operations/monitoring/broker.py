"""The queues in Redis: how long they are, and since when their oldest message waits."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from metrics.tasks import SENT_AT

QUEUES = {"celery", *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}


def nothing() -> Iterator[Metric]:
    """Asks whether Redis answers."""
    with _client() as client:
        client.ping()
    return iter(())


def queues() -> Iterator[Metric]:
    length = GaugeMetricFamily("lamplight_queue_messages", "Messages that wait for a worker.", labels=["queue"])
    age = GaugeMetricFamily(
        "lamplight_queue_oldest_age_seconds", "Since when the oldest message waits; 0 without any.", labels=["queue"]
    )
    with _client() as client:
        for queue in sorted(QUEUES):
            length.add_metric([queue], client.llen(queue))
            age.add_metric([queue], _age(client.lindex(queue, -1)))
    yield length
    yield age


@contextmanager
def _client() -> Iterator[Any]:
    with current_app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=1)
        channel: Any = connection.default_channel  # Of the Redis transport, which has a client.
        yield channel.client


def _age(message: bytes | None) -> float:
    """Who publishes notes the time (config.celery). A message of an older version, or of somebody else, has none."""
    try:
        sent_at = float(json.loads(message or b"{}")["headers"][SENT_AT])
    except (ValueError, TypeError, LookupError):
        return 0.0
    return max(0.0, time.time() - sent_at)
