"""manage.py activate_space"""

import argparse
from typing import Any

from django.core.management.base import CommandError

from search import photo_states, spaces
from search.management.commands._base_command import ExplainedCommand
from search.management.commands._named_space import named
from search.models import Space

EXAMPLES = """examples:
  manage.py activate_space small
  manage.py activate_space small --incomplete    # the workers index what is missing afterwards
"""


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "Have a space answer searches from now on. The one that did until now is kept, retired, and can be activated "
        "again (it misses the photos that came meanwhile until they are indexed); drop_space deletes it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="name of the space (manage.py spaces lists them)")
        parser.add_argument("--incomplete", action="store_true", help="even without all photos, indexes or a head")

    def handle(self, *args: Any, name: str, incomplete: bool, **options: Any) -> None:
        space = named(name, "NAME")
        if space.state == Space.State.LIVE:
            self.stdout.write(f"{space} is live already.")
            return
        try:
            former = spaces.activate(space, incomplete)
        except spaces.NotReady as error:
            raise CommandError(f"NAME: {error} --incomplete activates it as it is.", returncode=2) from error
        except Space.DoesNotExist as error:
            raise CommandError(f"NAME: {error}.", returncode=2) from error
        self.stdout.write(f"{space} is live.")
        if missing := photo_states.pending(space).count():
            self.stdout.write(f"The workers index the {missing} photos that it lacks.")
        if former:
            self.stdout.write(
                f"Back with `manage.py activate_space {former}`; delete it with `manage.py drop_space {former}`."
            )
