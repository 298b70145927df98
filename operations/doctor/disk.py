"""Room for what is written into the data folder."""

import shutil
from collections.abc import Iterator

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from operations.doctor.finding import Finding, ok, problem, warning

LEAST = 500_000_000  # What PostgreSQL, its log and a small catalogue take: `make run` starts with no less.
# ext4 keeps so much for root: others find the disk full before.
LOW_SHARE = 0.05


def disk() -> Iterator[Finding]:
    usage = shutil.disk_usage(settings.VAR)
    told = f"{filesizeformat(usage.free)} of {filesizeformat(usage.total)} are free at {settings.VAR}"
    cure = "Free some, or move LAMPLIGHT_VAR to a larger disk; manage.py sweep_files finds files that no row names."
    if usage.free < LEAST:
        yield problem(told, cure)
    elif usage.free < LOW_SHARE * usage.total:
        yield warning(told, cure)
    else:
        yield ok(told)
