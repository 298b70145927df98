"""What is asked at each scrape, of each part in a thread of its own: none costs what the others say."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from metrics import shared
from operations.monitoring import broker, machine, shop
from operations.monitoring.question import KEPT, Question

# Of the whole scrape. Prometheus waits for ten seconds by default.
PATIENCE = 3
# A count that takes longer is given up: it would hold up customers' own.
STATEMENT_TIMEOUT = "2s"
Ask = Callable[[], Iterable[Metric]]


class Scrape(Collector):
    """A collector that answers in time, and what it can: whoever is away, hangs or fails is left out."""

    def __init__(self) -> None:
        self._database = _alone("database", _in_database(shop.nothing))
        self._redis = _alone("redis", broker.nothing)
        self._others = (
            _alone("counts", shared.counted, kept=0),
            _alone("machine", machine.collect, kept=0),
            _alone("disks", machine.disks),
            _alone("queues", broker.queues),
        )
        thread = ThreadPoolExecutor(1, "metrics-shop")
        self._shop = [Question(ask.__name__, _in_database(ask), thread) for ask in shop.QUESTIONS]

    def collect(self) -> Iterator[Metric]:
        deadline = time.monotonic() + PATIENCE
        database, redis = self._database.begin(), self._redis.begin()
        begun = {question: question.begin() for question in self._others}
        database_is_up = self._database.answer(database, deadline) is not None
        if database_is_up:
            begun |= {question: question.begin() for question in self._shop}
        redis_is_up = self._redis.answer(redis, deadline) is not None
        yield GaugeMetricFamily("lamplight_database_up", "Whether PostgreSQL answers.", database_is_up)
        yield GaugeMetricFamily("lamplight_redis_up", "Whether Redis answers.", redis_is_up)
        asked = GaugeMetricFamily(
            "lamplight_scrape_answered", "Whether a part of the scrape was answered in time.", labels=["part"]
        )
        for question, future in begun.items():
            answer = question.answer(future, deadline)
            asked.add_metric([question.name], answer is not None)
            yield from answer or ()
        yield asked


def _alone(name: str, ask: Ask, kept: float | None = None) -> Question:
    """A question that takes milliseconds unless something is wrong, and then is asked again soon."""
    return Question(name, ask, ThreadPoolExecutor(1, f"metrics-{name}"), KEPT if kept is None else kept, sparing=0)


def _in_database(ask: Ask) -> Ask:
    """The same, with statements that are given up in time."""

    def asked() -> list[Metric]:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [STATEMENT_TIMEOUT])
                return list(ask())
        finally:
            connection.close()

    return asked
