"""manage.py make_key"""

import argparse
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import CommandError

from access import scopes
from access.models import PER_MINUTE, PER_MONTH, Key
from catalog.management.explained_command import ExplainedCommand

EPILOG = """
scopes:
  {}
  A publishable key can have {}.

examples:
  manage.py make_key publishable --name "web page" --scope search --scope read --scope events --origin https://shop.example
  manage.py make_key secret --name "stock sync" --scope catalog.write --scope read
  KEY=$(manage.py make_key secret --name "nightly report" --scope read)

exit status: 0 made, 2 something in the arguments is wrong
"""
KINDS = {"publishable": Key.Kind.PUBLISHABLE, "secret": Key.Kind.SECRET}


class Command(ExplainedCommand):
    epilog = EPILOG.format("\n  ".join(scopes.SCOPES.values()), ", ".join(scopes.PUBLISHABLE))
    help = "Make a key to the API and print it, once: what is stored is a hash of it."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kind", choices=KINDS, help="publishable: for pages of the origins; secret: for servers")
        parser.add_argument("--name", required=True, help="what uses it")
        parser.add_argument(
            "--scope", action="append", default=[], choices=scopes.SCOPES, help="what for; may be given several times"
        )
        parser.add_argument(
            "--origin", action="append", default=[], help="such as https://shop.example; may be given several times"
        )
        parser.add_argument("--per-minute", type=int, default=PER_MINUTE, help=f"requests a minute ({PER_MINUTE})")
        parser.add_argument("--per-month", type=int, default=PER_MONTH, help=f"requests a month ({PER_MONTH})")

    def handle(self, *args: Any, **options: Any) -> None:
        key = Key(
            name=options["name"],
            kind=KINDS[options["kind"]],
            scopes=list(dict.fromkeys(options["scope"])),
            origins=options["origin"],
            per_minute=options["per_minute"],
            per_month=options["per_month"],
        )
        secret = key.renew()
        try:
            key.full_clean()
        except ValidationError as error:
            told = "\n".join(
                f"{ARGUMENTS.get(field, field)}: {' '.join(said)}" for field, said in error.message_dict.items()
            )
            raise CommandError(told, returncode=2) from error
        key.save()
        self.stderr.write(f"{key} is made. It is shown this once:")
        self.stdout.write(secret)


ARGUMENTS = {
    "name": "--name",
    "scopes": "--scope",
    "origins": "--origin",
    "per_minute": "--per-minute",
    "per_month": "--per-month",
}
