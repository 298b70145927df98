"""What is asked at each scrape: the machine at once; disks, Redis and database in threads of their own."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.db import connection, transaction
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from operations.monitoring import broker, machine, shop
from operations.monitoring.question import Question

# Prometheus waits for ten seconds by default.
PATIENCE = 3
# A count that takes longer is given up: it would hold up customers' own.
STATEMENT_TIMEOUT = "2s"
Ask = Callable[[], Iterable[Metric]]


class Scrape(Collector):
    """A collector whose answers do not wait for a server that is away."""

    def __init__(self) -> None:
        database, redis, disks = (ThreadPoolExecutor(1, f"metrics-{name}") for name in ("database", "redis", "disks"))
        self._lives = Question("the database", _in_database(shop.nothing), database)
        self._shop = [Question(ask.__name__, _in_database(ask), database) for ask in shop.QUESTIONS]
        self._queues = Question("the queues", broker.queues, redis)
        self._disks = Question("the disks", machine.disks, disks)

    def collect(self) -> Iterator[Metric]:
        deadline = time.monotonic() + PATIENCE
        for question in (self._lives, self._queues, self._disks):  # Who hangs must not cost what the others say.
            question.begin()
        yield from machine.collect()
        lives = self._lives.answer(deadline) is not None
        yield _up("database", "Whether PostgreSQL answers.", lives)
        asked = GaugeMetricFamily(
            "lamplight_scrape_answered", "Whether a part of the database was counted in time.", labels=["part"]
        )
        for question in self._shop if lives else ():
            answer = question.answer(deadline)
            asked.add_metric([question.name], answer is not None)
            yield from answer or ()
        yield asked
        queues = self._queues.answer(deadline)
        yield _up("redis", "Whether Redis answers.", queues is not None)
        yield from queues or ()
        yield from self._disks.answer(deadline) or ()


def _up(name: str, documentation: str, is_up: bool) -> Metric:
    return GaugeMetricFamily(f"lamplight_{name}_up", documentation, is_up)


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
