"""What the machine tells: processes, parts of the stack, the last backup, beat, and disks."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from metrics import shared
from operations.doctor.broker import beat_wrote_at
from operations.last_backup import last_backup
from search.api.health import parts

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


def collect() -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "lamplight_counts_shared", "Whether the processes count together (metrics.shared).", shared.are_shared()
    )
    yield InfoMetricFamily("lamplight_build", "The version that answers.", {"version": settings.VERSION})
    yield from _processes()
    yield from _parts()
    backup = last_backup()
    yield GaugeMetricFamily(
        "lamplight_backup_last_success_timestamp_seconds",
        "When the last backup was made, in Unix time; nothing where none ever was.",
        backup.time.timestamp() if backup else None,
    )
    yield GaugeMetricFamily(
        "lamplight_beat_heartbeat_timestamp_seconds",
        "When beat last wrote its schedule, in Unix time: it does so every three minutes.",
        beat_wrote_at(),
    )


def _processes() -> Iterator[Metric]:
    memory = GaugeMetricFamily(
        "lamplight_process_resident_memory_bytes",
        "Memory of each process that counts, of this machine or container, without its decoders.",
        labels=["process"],
    )
    computing = CounterMetricFamily(
        "lamplight_process_cpu_seconds", "Computing of each process that counts.", labels=["process"]
    )
    for name, pid in sorted(shared.running().items()):
        with suppress(OSError):  # It has just ended.
            # The second field, the program's name, is in parentheses and may hold anything.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            computing.add_metric([name], (int(fields[11]) + int(fields[12])) / TICKS)
            memory.add_metric([name], int(fields[21]) * PAGE)
    yield memory
    yield computing


def _parts() -> Iterator[Metric]:
    up = GaugeMetricFamily("lamplight_part_up", "Whether a part that `make run` started runs.", labels=["part"])
    restarts = CounterMetricFamily(
        "lamplight_part_restarts", "How often a part of `make run` was started again.", labels=["part"]
    )
    for name, told in parts().items():
        up.add_metric([name], told["state"] == "up")
        restarts.add_metric([name], told["restarts"])
    yield up
    yield restarts


def disks() -> Iterator[Metric]:
    """Asked apart: a network storage may hang."""
    free = GaugeMetricFamily("lamplight_disk_free_bytes", "Space left on the disk of a folder.", labels=["folder"])
    size = GaugeMetricFamily("lamplight_disk_size_bytes", "Size of the disk of a folder.", labels=["folder"])
    for name, folder in (("data", settings.VAR), ("photos", settings.MEDIA_ROOT)):
        with suppress(OSError):  # No photo has come yet.
            usage = shutil.disk_usage(folder)
            free.add_metric([name], usage.free)
            size.add_metric([name], usage.total)
    yield free
    yield size
