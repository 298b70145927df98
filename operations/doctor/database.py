"""PostgreSQL: it answers, is new enough, has pgvector and all tables, and room for the locks of many categories."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from operations.doctor.finding import Finding, ok, problem, warning
from search.models import Space
from search.store import partitions

OLDEST, OLDEST_PGVECTOR = (16,), (0, 8)
# Dropping a space locks four tables and indexes for each category at once, and `restore` those of all spaces.
LOCKS_PER_LEAF = 4


def server() -> Iterator[Finding]:
    version = connection.get_database_version()
    pgvector = _value("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if version < OLDEST:
        yield problem(f"PostgreSQL is {_dotted(version)}", f"Use PostgreSQL {_dotted(OLDEST)} or newer.")
    elif pgvector is None:
        yield problem(f"PostgreSQL {_dotted(version)} has no pgvector here", "Install it, then run manage.py migrate.")
    elif tuple(map(int, pgvector.split(".")))[:2] < OLDEST_PGVECTOR:
        cure = f"Install {_dotted(OLDEST_PGVECTOR)} or newer, then run ALTER EXTENSION vector UPDATE."
        yield problem(f"pgvector is {pgvector}", cure)
    else:
        yield ok(f"PostgreSQL {_dotted(version)}, pgvector {pgvector}")


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    if missing := len(executor.migration_plan(executor.loader.graph.leaf_nodes())):
        yield problem(f"{missing} migrations are missing", "Back up, then run manage.py migrate.")
    else:
        yield ok("all migrations are applied")


def locks() -> Iterator[Finding]:
    per_transaction = int(_value("SHOW max_locks_per_transaction"))
    room = per_transaction * (int(_value("SHOW max_connections")) + int(_value("SHOW max_prepared_transactions")))
    wanted = LOCKS_PER_LEAF * sum(len(partitions.leaves(space)) for space in Space.objects.all())
    if wanted > room / 2:  # All other sessions lock as well.
        yield warning(
            f"max_locks_per_transaction is {per_transaction}, little for so many categories and spaces",
            "Set max_locks_per_transaction = 512 or more in PostgreSQL, and restart it.",
        )
    else:
        yield ok(f"max_locks_per_transaction is {per_transaction}")


def _value(query: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return row[0] if row else None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
