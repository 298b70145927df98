"""Room for what is written into the data folder, and for photos where they have a disk of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from operations.doctor.finding import Finding, ok, problem, warning

LEAST = 500_000_000  # What PostgreSQL, its log and a small catalogue take: `make run` starts with no less.
# ext4 keeps so much for root: others find the disk full before.
LOW_SHARE = 0.05


def disk() -> Iterator[Finding]:
    var, photos = Path(settings.VAR), Path(settings.MEDIA_ROOT)
    yield _room(var)
    if photos.exists() and photos.stat().st_dev != var.stat().st_dev:
        yield _room(photos)


def _room(folder: Path) -> Finding:
    usage = shutil.disk_usage(folder)
    told = f"{filesizeformat(usage.free)} of {filesizeformat(usage.total)} are free at {folder}"
    cure = "Free some, or move it to a larger disk; manage.py sweep_files finds files that no row names."
    if usage.free < LEAST:
        return problem(told, cure)
    if usage.free < LOW_SHARE * usage.total:
        return warning(told, cure)
    return ok(told)
