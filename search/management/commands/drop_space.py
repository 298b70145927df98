"""manage.py drop_space"""

import argparse
from typing import Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from catalog.management.explained_command import ExplainedCommand
from search import spaces
from search.management.commands._named_space import named
from search.models import Space
from search.store import partitions

EXAMPLES = """examples:
  manage.py drop_space small --dry-run
  manage.py drop_space small --noinput
"""


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "Delete a space that is not live, with its vectors, indexes and head. Photos and products stay. To have the "
        "space again, build it anew."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="name of the space (manage.py spaces lists them)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted, and delete nothing")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="do not ask whether you are sure")

    def handle(self, *args: Any, name: str, dry_run: bool, noinput: bool, **options: Any) -> None:
        space = named(name, "NAME")
        if space.state == Space.State.LIVE:
            raise CommandError(f"NAME: {spaces.LiveSpace(space)}", returncode=2)
        size = partitions.size(space)
        what = f"{space}, {space.state}, {filesizeformat(size.vectors + size.indexes)}"
        if dry_run:
            self.stdout.write(f"Would delete {what}.")
            return
        if not noinput and not _confirmed(f"Delete {what}? [y/N] "):
            raise CommandError("Nothing was deleted. Without a terminal, give --noinput.", returncode=1)
        try:
            spaces.drop(space)
        except (spaces.LiveSpace, partitions.Busy) as error:
            raise CommandError(f"{space} was not deleted: {error}", returncode=1) from error
        self.stdout.write(f"Deleted {what}.")


def _confirmed(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        return False
