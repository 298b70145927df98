"""Disks of their own for photos, database and logs: each can be filled without harm to the machine. They need root."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The folder of each disk below the data folder, and its megabytes.
DISKS = {"photos": ("media", 200), "database": ("postgresql", 1500), "log": ("log", 20)}


class Disk:
    def __init__(self, folder: Path) -> None:
        self.ballast = folder / "ballast"

    def fill(self) -> None:
        with self.ballast.open("ab", buffering=0) as file:
            for block in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(block))
                except OSError:
                    continue

    def free(self) -> None:
        self.ballast.unlink(missing_ok=True)


@contextmanager
def mounted(var: Path) -> Iterator[dict[str, Disk]]:
    """The disks, by name; none where nothing may be mounted."""
    disks: dict[str, Disk] = {}
    folders: list[Path] = []
    try:
        for name, (below, megabytes) in DISKS.items():
            folder = var / below
            folder.mkdir(parents=True, exist_ok=True)
            command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
            if subprocess.run(command, capture_output=True).returncode:
                break
            folders.append(folder)
            disks[name] = Disk(folder)
        yield disks
    finally:
        for folder in folders:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
