"""manage.py activate_space"""

import argparse
import time
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from search import photo_states, spaces
from search.management.commands._named_space import named
from search.models import Space

EXAMPLES = """examples:
  manage.py activate_space small
  manage.py activate_space small --wait          # as soon as the workers have built it
  manage.py activate_space small --incomplete    # the workers index what is missing afterwards
  manage.py activate_space tuned --force         # though it is not proven better than its source
"""
STALLED = 60  # Seconds without a change after which the command asks whether a worker runs.
POLL = 2  # Seconds: counting what is pending takes half a second among a million photos.


class Command(ExplainedCommand):
    epilog = EXAMPLES
    help = (
        "Have a space answer searches from now on. The one that did until now is kept, retired, and can be activated "
        "again (it misses the photos that came meanwhile until they are indexed); drop_space deletes it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("name", help="name of the space (manage.py spaces lists them)")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--wait", action="store_true", help="wait until the workers have built it")
        how.add_argument("--incomplete", action="store_true", help="even without all photos, indexes or a head")
        parser.add_argument("--force", action="store_true", help="even a tuned space that is not proven better")

    def handle(self, *args: Any, name: str, wait: bool, incomplete: bool, force: bool, **options: Any) -> None:
        space = named(name, "NAME")
        if space.state == Space.State.LIVE:
            self.stdout.write(f"{space} is live already.")
            return
        try:
            if wait:
                former = self._activate_when_ready(space, force)
            else:
                former = spaces.activate(space, incomplete, unproven=force)
        except spaces.NotProven as error:
            raise CommandError(f"NAME: {error} --force activates it all the same.", returncode=2) from error
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

    def _activate_when_ready(self, space: Space, force: bool) -> Space | None:
        """Try again and again. What the space waits for is written whenever that changes, and when nothing does."""
        total, told, since = photo_states.counts(space).total, "", time.monotonic()
        with tqdm(total=total, desc=str(space), unit="photo", disable=None) as bar:
            while True:
                try:
                    return spaces.activate(space, unproven=force)
                except spaces.NotReady as lack:
                    if str(lack) != told:
                        told, since = str(lack), time.monotonic()
                        bar.update(total - photo_states.pending(space).count() - bar.n)
                        if bar.disable:
                            self.stderr.write(f"Waiting. {told}")
                    elif time.monotonic() - since > STALLED:
                        self.stderr.write(f"Nothing has changed for {STALLED} s: does a worker run? {told}")
                        since = time.monotonic()
                time.sleep(POLL)
