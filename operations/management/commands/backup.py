"""manage.py backup"""

import argparse
from pathlib import Path
from typing import Any

from django.template.defaultfilters import filesizeformat

from operations import last_backup
from operations.backup import back_up
from operations.backup_folder import BackupFolder, Manifest
from operations.management.commands._backup_command import BackupCommand

EPILOG = """
The folder holds the database, the photos that it names, wherever they are stored, and the shop's own weights, with a
checksum of each file. The shop may go on meanwhile. What the folder has already is verified and not copied again, so
that a second backup takes the new photos alone, and one that was cut short goes on.

The folder has password hashes and tokens in it: it is made readable for this user alone. It does not hold the settings,
of which it lists the names, nor LAMPLIGHT_VAR/secret-key.

examples:
  manage.py backup /mnt/backup/shop
  manage.py backup /mnt/backup/shop --without-vectors    # smaller; a restored shop indexes all photos anew

exit status: 0 done, 2 not done, 130 interrupted
"""


class Command(BackupCommand):
    epilog = EPILOG
    help = "Back up all that Lamplight cannot make again into a folder. manage.py restore brings it back."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder, or one that has a backup")
        parser.add_argument(
            "--without-vectors", action="store_true", help="leave out what indexing makes again from the photos"
        )
        parser.add_argument(
            "--force", action="store_true", help="replace a backup of more than twice as many products or photos, too"
        )

    def handle(self, *args: Any, folder: Path, without_vectors: bool, force: bool, **options: Any) -> None:
        with self.one_line_of_refusal("Nothing is lost: run the same command again to go on."):
            manifest, done = back_up(BackupFolder(folder), with_vectors=not without_vectors, force=force)
        self._record(manifest, folder)
        if BackupFolder(folder).is_open():
            self.stderr.write(
                f"Others may enter {folder}: have its owner run chmod 700 on it, or mount it for this user."
            )
        for name in manifest.missing:
            self.stderr.write(f"Missing, and so not in the backup: {name}")
        if manifest.deleted_photos:
            self.stderr.write(f"{len(manifest.deleted_photos)} photos were deleted meanwhile: not in the backup.")
        size = sum((folder / name).lstat().st_size for name in BackupFolder(folder).files())
        self.stdout.write(
            f"{folder}: {manifest.counts['products']} products, {manifest.counts['photos']} photos, "
            f"{len(manifest.models)} files of own models, {filesizeformat(size)}. "
            f"{done.copied} files written, {done.kept} were there."
        )

    def _record(self, manifest: Manifest, folder: Path) -> None:
        try:
            last_backup.record(manifest.made_at, folder)
        except OSError as error:
            self.stderr.write(f"The backup is whole, but manage.py doctor will not know of it: {error}.")
