"""manage.py unlock_login"""

import argparse
from typing import Any

import redis
from django.core.management import CommandError

from access.rates import Rate
from catalog.management.explained_command import ExplainedCommand
from search.api.throttles import HOUSEHOLD, counted
from staff.login import BY_ADDRESS, BY_NAME, address_key, name_key

EPILOG = """
examples:
  manage.py unlock_login --name eva
  manage.py unlock_login --address 203.0.113.7 --address 2001:db8::1

exit status: 0 done, 1 Redis does not answer
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "Forget the attempts to log in to the admin that were counted for names and addresses. By themselves they are "
        "forgotten within half an hour."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", action="append", default=[], help="a user's name; may be given several times")
        parser.add_argument("--address", action="append", default=[], help="an IP address; may be given several times")

    def handle(self, *args: Any, name: list[str], address: list[str], **options: Any) -> None:
        if not (name or address):
            raise CommandError("Say whom to unlock: --name or --address.", returncode=2)
        for one in name:
            self._forget(one, BY_NAME, name_key(one))
        for one in address:
            self._forget(one, BY_ADDRESS, address_key(counted(one, HOUSEHOLD)))

    def _forget(self, whom: str, rate: Rate, key: str) -> None:
        try:
            had_tried = rate.forget(key)
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        self.stdout.write(f"{whom}: unlocked." if had_tried else f"{whom}: no attempts were counted.")
