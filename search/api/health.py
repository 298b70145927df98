"""Probes: is this process alive, and is it ready to answer."""

import json
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache as once
from typing import Any

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from psycopg_pool import PoolTimeout

from catalog.storage import cannot_store
from ml.recipes import WeightsError
from search import encoders, text_encoders
from search.models import Space

logger = logging.getLogger(__name__)
# What is there answers in milliseconds; orchestrators give a probe a few seconds.
SECONDS = 3
# The supervisor of `make run` touches the file of its parts every second. One as old as this is of a former run.
PARTS_SECONDS = 60


def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; depends on nothing."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a search would be answered, else 503 with the reasons; the log has the details.

    A full disk stops no search: it is told among the details of a 200. The servers and the disks are asked with a
    deadline. The first call that finds them well loads the model. Under `make run` the answer also says which parts are
    up; searches need the web process alone, so no other makes it not ready.
    """
    told = {"parts": found} if (found := parts()) else {}
    if lacking := reasons():
        return JsonResponse({"status": "not ready", "reasons": lacking, **told}, status=503)
    details = _ask("disk", cannot_store)
    return JsonResponse({"status": "ready"} | ({"details": details} if details else {}) | told)


def parts() -> dict[str, Any]:
    """The state of each part, as config.stack.supervisor last told it; nothing where none runs."""
    file = settings.VAR / "parts.json"
    try:
        if time.time() - file.stat().st_mtime > PARTS_SECONDS:
            return {}
        parts: dict[str, Any] = json.loads(file.read_text())["parts"]
        return parts
    except (OSError, ValueError, KeyError):
        return {}


def reasons() -> dict[str, str]:
    """Why a search would not be answered; empty where it would. The server asks before it listens."""
    return _database() or {**_redis(), **_model()}


def _database() -> dict[str, str]:
    return _ask("database", _ask_database)


def _ask(part: str, question: Callable[[], dict[str, str]]) -> dict[str, str]:
    """Ask from another thread: a database or a disk that hangs would hold this one for ever."""
    asked = _prober(part).submit(question)
    try:
        return asked.result(SECONDS)
    except TimeoutError:
        asked.cancel()
        return {part: f"the {part} did not answer within {SECONDS} s"}


@once
def _prober(part: str) -> ThreadPoolExecutor:
    """One thread a part: while it hangs, further probes wait for it until their own deadline."""
    return ThreadPoolExecutor(1, f"readyz-{part}")


def _ask_database() -> dict[str, str]:
    try:
        _check_migrations()
        if Space.objects.live() is None:
            return {"search": "there is no live space: run manage.py prepare"}
    except _MigrationsMissingError:
        return {"database": "migrations are missing: run manage.py migrate"}
    except (DatabaseError, PoolTimeout) as error:
        logger.warning("Not ready: %s", error)
        return {"database": "the database does not answer"}
    finally:
        connection.close()
    return {}


class _MigrationsMissingError(Exception):
    """The database is older than this code."""


@once
def _check_migrations() -> None:
    """Raise _MigrationsMissingError if one is. That none is, this process remembers: looking computes for 5 ms."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise _MigrationsMissingError


def _redis() -> dict[str, str]:
    try:
        cache.get("readyz")
    except redis.RedisError as error:
        logger.warning("Not ready: %s", error)
        return {"redis": "Redis does not answer"}
    return {}


def _model() -> dict[str, str]:
    space = Space.objects.get(state=Space.State.LIVE)
    try:
        _warm(space.pk)
    except WeightsError as error:
        logger.warning("Not ready: %s", error)
        return {"model": "the model cannot be loaded: see the log"}
    return {}


@once
def _warm(space_id: int) -> None:
    """Load the space's model and run it once in this process; a failure is not remembered."""
    encoder = encoders.encoder_for(Space.objects.get(pk=space_id))
    encoder.warm()
    try:
        if words := text_encoders.text_encoder():
            words.warm()
    except WeightsError as error:  # Words are then searched for without their meaning.
        logger.warning("Texts cannot be encoded: %s", error)
    try:
        encoder.warm_places()
    except WeightsError as error:  # Things are looked for in crops then.
        logger.warning("The map of %s cannot be read: %s", space_id, error)
