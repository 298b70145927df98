"""Probes: is this process alive, and is it ready to answer."""

import redis
from django.core.cache import cache
from django.db import Error as DatabaseError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from psycopg_pool import PoolTimeout

from ml.recipes import WeightsError
from search import encoders
from search.models import Space


def livez(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers; depends on nothing."""
    return JsonResponse({"status": "alive"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a search would be answered, else 503 with the reasons.

    The first call loads the model; the probes of the servers are bounded by their connection timeouts.
    """
    reasons = _database() or {**_redis(), **_search()}
    if reasons:
        return JsonResponse({"status": "not ready", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ready"})


def _database() -> dict[str, str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return {"database": "migrations are missing: run manage.py migrate"}
    except (DatabaseError, PoolTimeout) as error:
        return {"database": f"the database does not answer: {error}".splitlines()[0]}
    return {}


def _redis() -> dict[str, str]:
    try:
        cache.get("readyz")
    except redis.RedisError as error:
        return {"redis": f"Redis does not answer: {error}"}
    return {}


def _search() -> dict[str, str]:
    space = Space.objects.live()
    if space is None:
        return {"search": "there is no live space: run manage.py prepare"}
    try:
        encoders.encoder_for(space).warm()
    except WeightsError as error:
        return {"search": str(error)}
    return {}
