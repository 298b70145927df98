"""manage.py restore"""

import argparse
from pathlib import Path
from typing import Any

from operations.backup_folder import BackupFolder
from operations.management.commands._backup_command import BackupCommand
from operations.restore import restore, verify

EPILOG = """
Every file is verified before anything is changed. Then photos go to the photo storage, the shop's own weights to
LAMPLIGHT_VAR, and the database is filled in one transaction. Migrations that the backup lacks are run. If it is
stopped, the database is as it was or filled as a whole: run the same command again, in the second case with --replace.

Set DATABASE_URL, LAMPLIGHT_VAR and whatever else the shop had set before, and start nothing meanwhile.

examples:
  manage.py restore /mnt/backup/shop --check      # verify the backup, change nothing
  manage.py restore /mnt/backup/shop              # into an empty database
  manage.py restore /mnt/backup/shop --replace    # drop what the database holds

exit status: 0 done, 2 not done, 130 interrupted
"""


class Command(BackupCommand):
    epilog = EPILOG
    help = "Restore what manage.py backup wrote, into the database, storage and data folder that the settings name."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="a folder that manage.py backup wrote")
        parser.add_argument("--check", action="store_true", help="verify all files of the backup, and change nothing")
        parser.add_argument("--replace", action="store_true", help="drop all that the database holds first")

    def handle(self, *args: Any, folder: Path, check: bool, replace: bool, **options: Any) -> None:
        backup = BackupFolder(folder)
        with self.one_line_of_refusal("Run it again; with --replace if the database was filled by now."):
            manifest = verify(backup)
            what = f"{manifest.counts['products']} products, {manifest.counts['photos']} photos of {manifest.made_at}"
            if check:
                self.stdout.write(f"{folder} is whole: {what}, Lamplight {manifest.version}.")
                return
            restored = restore(backup, replace)
        self.stdout.write(f"Restored {what}; {restored.copied} photos were copied.")
        for name in manifest.missing:
            self.stderr.write(f"The backup lacks a file that the shop lacked: {name}")
        for line in restored.settings:
            self.stderr.write(f"Set {line} before you start the shop.")
        again = "" if manifest.with_vectors else " The workers index all photos and texts anew."
        self.stdout.write(f"Next: manage.py prepare, then start the shop.{again}")
