"""Probes: is this process alive, and is it ready to answer."""

import json
import logging
import time
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

from ml.recipes import WeightsError
from search import encoders, text_encoders
from search.models import Space

logger = logging.getLogger(__name__)
# A database that is there answers in milliseconds; orchestrators give a probe a few seconds.
DATABASE_SECONDS = 3
# The supervisor of `make run` touches the file of its parts every second. One as old as this is of a former run.
PARTS_SECONDS = 60


def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; depends on nothing."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a search would be answered, else 503 with the reasons; the log has the details.

    The servers are asked with a deadline. The first call that finds them well loads the model. Under `make run` the
    answer also says which parts are up; searches need the web process alone, so no other makes it not ready.
    """
    if found := reasons():
        return JsonResponse({"status": "not ready", "reasons": found, **_parts()}, status=503)
    return JsonResponse({"status": "ready", **_parts()})


def _parts() -> dict[str, Any]:
    """The state of each part, as config.supervisor last told it; nothing where none runs."""
    file = settings.VAR / "parts.json"
    try:
        if time.time() - file.stat().st_mtime > PARTS_SECONDS:
            return {}
        return {"parts": json.loads(file.read_text())["parts"]}
    except (OSError, ValueError, KeyError):
        return {}


def reasons() -> dict[str, str]:
    """Why a search would not be answered; empty where it would. The server asks before it listens."""
    return _database() or {**_redis(), **_model()}


def _database() -> dict[str, str]:
    """Ask from a thread of its own: a database that hangs would hold this one for ever."""
    asked = _prober().submit(_ask_database)
    try:
        return asked.result(DATABASE_SECONDS)
    except TimeoutError:
        asked.cancel()
        return {"database": f"the database did not answer within {DATABASE_SECONDS} s"}


@once
def _prober() -> ThreadPoolExecutor:
    """One thread: while it hangs, further probes wait for it until their own deadline."""
    return ThreadPoolExecutor(1, "readyz")


def _ask_database() -> dict[str, str]:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return {"database": "migrations are missing: run manage.py migrate"}
        if Space.objects.live() is None:
            return {"search": "there is no live space: run manage.py prepare"}
    except (DatabaseError, PoolTimeout) as error:
        logger.warning("Not ready: %s", error)
        return {"database": "the database does not answer"}
    finally:
        connection.close()
    return {}


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
