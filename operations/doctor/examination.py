"""All checks, in the order in which they are told, and how they are run: none can hold up the others."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import TypeVar

import redis
from django.db import Error as DatabaseError
from django.db import connection
from kombu.exceptions import OperationalError as BrokerError
from psycopg_pool import PoolTimeout

from ml.recipes import WeightsError
from operations.doctor import (
    backups,
    broker,
    database,
    disk,
    exposure,
    feeds,
    index,
    misconfiguration,
    networks,
    page_key,
    versions,
)
from operations.doctor.finding import Finding, Level, problem, warning

T = TypeVar("T")
# Seconds. Counting a million photos in three spaces takes 3 s; a server that is stopped answers never.
DEADLINE = 10
# Weights are read as a whole. The checksum of 1 GB takes 0.7 s, and a disk that gives 30 MB/s half a minute.
READING = 120
UNREACHABLE = (DatabaseError, PoolTimeout, redis.RedisError, BrokerError, OSError, WeightsError)

UNREACHABLE_CURE = (
    "The embedded servers run with the shop: `make run` (`make demo` for the sample shop). See whether one of your own "
    "runs, and whether the settings name it."
)


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    """Checks without which it cannot be made: it is left out where one of them found a problem."""
    deadline: float = DEADLINE
    cure: str = "See whether its server is stopped or overloaded."
    """Of no answer by then."""


CHECKS = (
    Check("versions", versions.versions),
    Check("settings", misconfiguration.system_checks),
    Check("exposure", exposure.exposure),
    Check("database", database.server),
    Check("migrations", database.migrations, ("database",)),
    Check("page", page_key.page_key, ("database", "migrations")),
    Check("locks", database.locks, ("database", "migrations")),
    Check("redis", broker.server),
    Check("workers", broker.workers, ("redis",)),
    Check("queues", broker.queues, ("redis",)),
    Check("beat", broker.beat),
    Check("spaces", index.spaces, ("database", "migrations")),
    Check("texts", index.texts, ("database", "migrations")),
    Check(
        "networks",
        networks.networks,
        ("database", "migrations"),
        READING,
        "Its files are read as a whole: see whether their disk is slow or hangs.",
    ),
    Check("feeds", feeds.feeds, ("database", "migrations")),
    Check("disk", disk.disk),
    Check("backups", backups.backups),
)


def examine(checks: Iterable[Check] = CHECKS) -> Iterator[tuple[str, Finding]]:
    """Every finding, with the name of its check, as soon as the check is made."""
    failed: set[str] = set()
    for check in checks:
        if lacking := failed.intersection(check.needs):
            findings = [warning("not looked at", f"Mend first: {', '.join(sorted(lacking))}.")]
        else:
            findings = _made(check)
        if lacking or any(finding.level is Level.PROBLEM for finding in findings):
            failed.add(check.name)
        for finding in findings:
            yield check.name, finding


def _made(check: Check) -> list[Finding]:
    try:
        return within(check.deadline, lambda: list(check.run()))
    except TimeoutError:
        return [problem(f"no answer within {check.deadline} s", check.cure)]
    except UNREACHABLE as error:
        said = " ".join(str(error).split()) or type(error).__name__
        return [problem(said, UNREACHABLE_CURE)]


def within(seconds: float, call: Callable[[], T]) -> T:
    """What the call returns or raises, made in a thread. Raises TimeoutError, and leaves the thread behind.

    It is a daemon, so that a server that never answers does not hold up the end of the process either.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:  # Raised again by whoever waits.
            answer.set_exception(error)
        finally:
            connection.close()

    Thread(target=ask, daemon=True).start()
    return answer.result(seconds)
