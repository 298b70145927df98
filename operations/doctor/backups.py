"""How old the last backup is, and whether it is still there."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from django.utils import timezone
from django.utils.timesince import timesince

from operations.backup_folder import BackupError, BackupFolder
from operations.doctor.finding import Finding, ok, warning
from operations.last_backup import last_backup

OLD = timedelta(days=7)  # A choice: what a shop changes in more than a week is a loss.


def backups() -> Iterator[Finding]:
    last = last_backup()
    if last is None:
        yield warning("manage.py backup was never run here", "Run manage.py backup DIR every night.")
        return
    try:
        BackupFolder(Path(last.folder)).manifest()
    except BackupError as error:
        yield warning(
            f"the last backup cannot be read here: {str(error).rstrip('.')}",
            "See whether its disk is mounted, or back up anew.",
        )
        return
    if timezone.now() - last.time > OLD:
        cure = f"Run manage.py backup {last.folder} every night."
        yield warning(f"the last backup is {timesince(last.time)} old", cure)
    else:
        yield ok(f"the last backup is {timesince(last.time)} old, in {last.folder}")
