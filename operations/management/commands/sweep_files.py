"""manage.py sweep_files"""

import argparse
from typing import Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from operations.leftovers import IN_FLIGHT, leftovers

SHOWN = 20

EPILOG = """
A server that is killed between storing a photo and committing its row leaves such a file. Files younger than an hour
are left alone: their row may be on its way. Files sent for an import are swept too. Look before you delete: with an
empty database, or that of last month or of another shop, the photos of this shop have no row either. The workers look
every night, and log how many files a day old there are.

examples:
  manage.py sweep_files             # say what would be deleted
  manage.py sweep_files --delete

exit status: 0 done, 2 the storage did not answer
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "Find files in the photo storage that no row of the database names, and delete them with --delete."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--delete", action="store_true", help="delete them; otherwise nothing is changed")

    def handle(self, *args: Any, delete: bool, **options: Any) -> None:
        try:
            count, size = self._sweep(delete)
        except OSError as error:
            raise CommandError(f"The photo storage did not answer: {error}.", returncode=2) from error
        files = "1 file" if count == 1 else f"{count} files"
        done = "Deleted" if delete else "Would delete"
        cure = " Give --delete to do so." if count and not delete else ""
        self.stdout.write(f"{done} {files} that no row names, {filesizeformat(size)}.{cure}")

    def _sweep(self, delete: bool) -> tuple[int, int]:
        """Returns how many files, and how many bytes."""
        count = size = 0
        with tqdm(unit="file", desc="looking", disable=None) as bar:
            for leftover in leftovers(IN_FLIGHT, bar.update):
                if delete:
                    leftover.delete()
                count, size = count + 1, size + leftover.size
                if count <= SHOWN:
                    self.stdout.write(f"{leftover}  {filesizeformat(leftover.size)}")
        if count > SHOWN:
            self.stdout.write(f"and {count - SHOWN} more")
        return count, size
