"""manage.py rotate_key"""

import argparse
from datetime import timedelta
from typing import Any

from django.core.management import CommandError

from access.models import Key, RotationError
from catalog.management.explained_command import ExplainedCommand

MOST_HOURS = 24 * 90
EPILOG = """
examples:
  manage.py rotate_key sk_0d51e77c90
  manage.py rotate_key sk_0d51e77c90 --grace 0

exit status: 0 rotated, 2 there is no such live key, or its former secret still works and --grace is not 0
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "Give a key to the API a new secret and print it, once. The former one works on for some hours."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("prefix", help="the key's prefix, such as sk_0d51e77c90")
        parser.add_argument("--grace", type=int, default=24, help="hours that the former secret works on (24)")

    def handle(self, *args: Any, prefix: str, grace: int, **options: Any) -> None:
        if not 0 <= grace <= MOST_HOURS:
            raise CommandError(f"--grace: give 0 to {MOST_HOURS} hours.", returncode=2)
        key = Key.objects.live().of_prefix(prefix)
        if key is None:
            raise CommandError(f"No live key has the prefix {prefix[:13]}. `manage.py keys` lists them.", returncode=2)
        try:
            secret = key.rotate(timedelta(hours=grace))
        except RotationError as error:
            raise CommandError(str(error), returncode=2) from error
        self.stderr.write(f"{key} has a new secret. It is shown this once:")
        self.stdout.write(secret)
