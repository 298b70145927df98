"""A clock of the site's own, which can be set while everything runs. The machine's stays as it is."""

import shutil
import subprocess
from pathlib import Path


class Clock:
    """The clock of the processes that are started with its environment: the machine's, until it is set."""

    def __init__(self, folder: Path) -> None:
        self._library, self._seconds = folder / "clock.so", folder / "clock"
        self.set_ahead(0)
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", self._library, source], check=True)

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self._library), "FAULTS_CLOCK": str(self._seconds)}

    def set_ahead(self, seconds: int) -> None:
        """Have it be so many seconds ahead of the machine's, or behind, at once and for every process."""
        with self._seconds.open("r+b" if self._seconds.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))


def can_be_made() -> bool:
    return shutil.which("cc") is not None
