"""What backup and restore have in common."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import ProgrammingError
from psycopg_pool import PoolTimeout

from catalog.management.explained_command import ExplainedCommand
from operations.backup_folder import BackupError

REFUSED, INTERRUPTED = 2, 130


class BackupCommand(ExplainedCommand):
    # Weights that a setting names may be missing: that is what a backup is for.
    requires_system_checks: Any = []

    @contextmanager
    def one_line_of_refusal(self, after_interrupt: str) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self.stderr.write(f"Stopped. {after_interrupt}")
            sys.exit(INTERRUPTED)
        except BackupError as error:
            raise CommandError(capitalised(str(error)), returncode=REFUSED) from error
        except OSError as error:
            at = f"{error.filename}: " if error.filename else ""
            raise CommandError(f"{at}{error.strerror or error}. {after_interrupt}", returncode=REFUSED) from error
        except ProgrammingError:
            raise  # No tables: manage.py says what to do.
        except (DatabaseError, PoolTimeout) as error:
            told = " ".join(str(error).split())
            raise CommandError(f"PostgreSQL: {told}. {after_interrupt}", returncode=REFUSED) from error


def capitalised(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
