"""manage.py revoke_key"""

import argparse
from typing import Any

from django.core.management import CommandError

from access.models import Key
from catalog.management.explained_command import ExplainedCommand

EPILOG = """
examples:
  manage.py revoke_key pk_3f9a01c27b
  manage.py revoke_key pk_3f9a01c27b sk_0d51e77c90

exit status: 0 all of them are revoked, 2 there is no such key, and none was revoked
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "Revoke keys to the API: requests with them are refused from now on. `manage.py keys` lists them."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("prefix", nargs="+", help="the key's prefix, such as pk_3f9a01c27b")

    def handle(self, *args: Any, prefix: list[str], **options: Any) -> None:
        found = {one: Key.objects.of_prefix(one) for one in prefix}
        if unknown := [one for one, key in found.items() if key is None]:
            told = f"No key begins with {', '.join(one[:13] for one in unknown)}. `manage.py keys --all` lists them."
            raise CommandError(told, returncode=2)
        for key in filter(None, found.values()):
            key.revoke()
            self.stdout.write(f"{key}: revoked.")
