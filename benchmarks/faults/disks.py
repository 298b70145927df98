"""Disks of their own for photos, database and logs: each can be filled, and that of photos can hang. They need root."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

# The folder of each disk below the data folder, and its megabytes.
DISKS = {"photos": ("media", 200), "database": ("postgresql", 1500), "log": ("log", 20)}
MOUNTED_SECONDS = 10


class Disk:
    """A mounted tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.ballast = folder / "ballast"
        self.between: subprocess.Popen[bytes] | None = None
        """The process that stands between the folder and its disk, if one does."""

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

    def hang(self) -> None:
        """Leave everybody waiting who reads or writes."""
        assert self.between is not None
        self.between.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.between is not None
        self.between.send_signal(signal.SIGCONT)


@contextmanager
def mounted(var: Path) -> Iterator[dict[str, Disk]]:
    """The disks, by name; none where nothing may be mounted."""
    disks: dict[str, Disk] = {}
    with ExitStack() as mounts:
        for name, (below, megabytes) in DISKS.items():
            folder = var / below
            folder.mkdir(parents=True, exist_ok=True)
            command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
            if subprocess.run(command, capture_output=True).returncode:
                break
            mounts.callback(_unmount, folder)
            disks[name] = Disk(folder)
        else:
            if shutil.which("bindfs"):
                disks["photos"].between = mounts.enter_context(_file_system(var / "media"))
        yield disks


@contextmanager
def _file_system(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process through which all that is done to the folder goes (FUSE): while it stands still, the folder hangs."""
    process = subprocess.Popen(["bindfs", "-f", str(folder), str(folder), "-o", "nonempty"], start_new_session=True)
    deadline = time.monotonic() + MOUNTED_SECONDS
    while f"{folder} fuse" not in Path("/proc/mounts").read_text():
        if time.monotonic() > deadline:
            raise SystemExit("bindfs does not mount")
        time.sleep(0.05)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        _unmount(folder)
        process.terminate()
        process.wait()


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
