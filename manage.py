#!/usr/bin/env python
"""Django's command line."""

import os
import sys

NO_TABLES = """There are no tables in this database yet: run `make run`, or `manage.py migrate` and `manage.py prepare`.
The demo has data of its own: LAMPLIGHT_VAR=var/demo .venv/bin/python manage.py ..."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # Workers and web server may share the cores: a thread of torch that waits must not spin meanwhile.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError, ProgrammingError
    from psycopg.errors import UndefinedTable
    from psycopg_pool import PoolTimeout

    try:
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        print("\nInterrupted. What was committed is kept; the same command goes on from there.", file=sys.stderr)
        sys.exit(130)
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable):
            raise
        print(NO_TABLES, file=sys.stderr)
        sys.exit(2)
    except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:
        from catalog.outages import outage

        if (known := outage(error)) is None:
            raise
        print(f"{known.detail} The same command goes on from there.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
