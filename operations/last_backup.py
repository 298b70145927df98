"""When the shop was backed up last. A file says so: a restored database would tell of an older backup."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

FILE = "last-backup.json"


@dataclass(frozen=True)
class LastBackup:
    made_at: str
    """ISO 8601, UTC."""
    folder: str

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.made_at)


def record(made_at: str, folder: Path) -> None:
    """Remember a finished backup."""
    path = settings.VAR / FILE
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(LastBackup(made_at, str(folder.resolve())))))
    partial.replace(path)


def last_backup() -> LastBackup | None:
    """The last one that was finished; None where there was none or its record cannot be read."""
    try:
        return LastBackup(**json.loads((settings.VAR / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
