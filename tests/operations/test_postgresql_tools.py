"""A dump put into a database by a process that is killed meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from catalog.models import Product
from config.settings import BASE_DIR
from operations import postgresql_tools
from tests import commands
from tests.installation import wait_for

# Restores a dump into the tests' database, with another pg_restore.
RESTORE = """
import sys
from pathlib import Path
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
django.setup()
from operations import postgresql_tools
tool = postgresql_tools.tool
postgresql_tools.tool = lambda name: Path(sys.argv[2]) if name == "pg_restore" else tool(name)
postgresql_tools.restore(Path(sys.argv[3]), replace=True)
"""


def queries_of_psql() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql'"
        )
        return [query for (query,) in cursor.fetchall()]


@pytest.fixture
def last_table(transactional_db) -> Iterator[str]:
    """One whose rows are restored after those of all others, and are more than is kept in memory on the way."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE zz AS SELECT generate_series(1, 600000)")
        yield "zz"
        cursor.execute("DROP TABLE zz")


@pytest.fixture
def slow_pg_restore(tmp_path) -> Path:
    """It says nothing more amid the rows of the last table."""
    slow = tmp_path / "pg_restore"
    real = postgresql_tools.tool("pg_restore")
    slow.write_text(
        f'#!/bin/sh\ncase "$*" in *--list*) exec {real} "$@";; esac\n'
        f"{real} \"$@\" | sed '/^400000$/q'\nexec sleep 600\n"
    )
    slow.chmod(0o755)
    return slow


def test_a_restore_that_is_killed_amid_the_rows_of_a_table_leaves_the_database_as_it_was(
    photo, settings, tmp_path, last_table, slow_pg_restore
):
    settings.VAR = tmp_path / "var"
    settings.VAR.mkdir()
    photo("red")
    commands.run("backup", str(tmp_path / "backup"))
    Product.objects.update(name="as it was")
    [dump] = (tmp_path / "backup").glob("database-*.dump")
    restoring = subprocess.Popen(
        [sys.executable, "-c", RESTORE, connection.settings_dict["NAME"], slow_pg_restore, dump],
        cwd=BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        start_new_session=True,
    )
    try:
        wait_for(lambda: any(f"COPY public.{last_table} " in query for query in queries_of_psql()), "the rows")
        restoring.kill()  # This process alone: psql goes on.
        restoring.wait()
        wait_for(lambda: not queries_of_psql(), "psql's end")
        assert list(Product.objects.values_list("name", flat=True)) == ["as it was"]
    finally:
        os.killpg(restoring.pid, signal.SIGKILL)
