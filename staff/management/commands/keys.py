"""manage.py keys"""

import argparse
import json
from typing import Any

from access import usage
from access.models import Key
from catalog.management.explained_command import ExplainedCommand

EPILOG = """
examples:
  manage.py keys
  manage.py keys --all --json
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "List the keys to the API: prefix, name, kind, scopes, origins, and how often they were used this month."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="revoked ones as well")
        parser.add_argument("--json", action="store_true", help="print a list of objects instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        keys = list(Key.objects.all() if options["all"] else Key.objects.live())
        used = usage.of(keys)
        told = [_told(key, used[key.pk]) for key in keys]
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        elif told:
            self.stdout.write("\n".join(map(_line, told)))
        else:
            self.stderr.write("There are no keys. manage.py make_key makes one.")


def _told(key: Key, used: usage.Usage) -> dict[str, Any]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "kind": key.get_kind_display(),
        "scopes": key.scopes,
        "origins": key.origins,
        "per_minute": key.per_minute,
        "per_month": key.per_month,
        "today": used.today,
        "month": used.month,
        "refusals": used.refusals,
        "last_used_at": key.last_used_at and key.last_used_at.isoformat(),
        "revoked_at": key.revoked_at and key.revoked_at.isoformat(),
    }


def _line(told: dict[str, Any]) -> str:
    state = f"revoked {told['revoked_at']}" if told["revoked_at"] else f"last used {told['last_used_at'] or 'never'}"
    names = ",".join([*told["scopes"], *told["origins"]])
    return f"{told['prefix']}  {told['name']}  {names}  {told['month']} of {told['per_month']} this month  {state}"
