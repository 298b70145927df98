"""Everything killed at once while photos are pending, and how soon the next start answers.

The real stack starts on a shop of its own and a catalogue is imported. Then every process is killed (kill -9), the
database and Redis too, and the stack is started again, several times.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.shop import data_folder
from config.stack.site import count
from demo.__main__ import CATALOG

MOST_SECONDS = 300


@dataclass
class Shop:
    """A stack on the data folder that this process's environment names, in processes of its own."""

    folder: Path
    url: str
    supervisor: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start the stack. Returns the seconds until it is ready."""
        began = time.monotonic()
        with (self.folder / "output").open("ab") as output:
            self.supervisor = subprocess.Popen([sys.executable, "-m", "config.stack"], stdout=output, stderr=output)
        while time.monotonic() < began + MOST_SECONDS:
            with suppress(requests.RequestException):
                if requests.get(f"{self.url}/readyz", timeout=MOST_SECONDS).ok:
                    return time.monotonic() - began
            time.sleep(0.1)
        raise SystemExit(f"not ready after {MOST_SECONDS} s: {(self.folder / 'output').read_text()}")

    def photos(self, state: str) -> int:
        return count(requests.get(f"{self.url}/api/v1/index/", timeout=60).json(), state)

    def processes(self) -> list[int]:
        """All processes of the stack and of its servers, by the kernel's own account."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (process / "environ").read_bytes().split(b"\0")
                ours = f"LAMPLIGHT_VAR={self.folder}".encode() in environment
                if ours or (process / "cwd").readlink().is_relative_to(self.folder):
                    found.append(int(process.name))
        return [pid for pid in found if pid != os.getpid()]

    def kill(self) -> None:
        """Kill all processes, and wait until they are gone."""
        while pids := self.processes():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self.supervisor:
                self.supervisor.wait()
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the stack as Ctrl-C does."""
        if self.supervisor:
            self.supervisor.terminate()
            self.supervisor.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.crash",
        description=__doc__,
        epilog="Example: python -m benchmarks.crash /srv/shop/catalog.csv --crashes 5",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("catalog", nargs="?", type=Path, default=CATALOG, help="a CSV for import_catalog (the sample)")
    parser.add_argument("--crashes", type=int, default=3, metavar="N", help="how often all is killed (%(default)s)")
    options = parser.parse_args()
    with data_folder() as folder:
        shop = Shop(folder, f"http://127.0.0.1:{os.environ['PORT']}")
        try:
            print(measured(shop, options.catalog, options.crashes))
        finally:
            shop.kill()


def measured(shop: Shop, catalog: Path, crashes: int) -> str:
    """Lines that say how long each start took, and whether a photo was lost."""
    first = shop.start()
    subprocess.run([sys.executable, "manage.py", "import_catalog", str(catalog)], check=True, capture_output=True)
    photos = shop.photos("photos")
    lines = [f"first start, models converted: ready after {first:.1f} s; {photos} photos imported"]
    for _ in range(crashes):
        pending = shop.photos("pending")
        shop.kill()
        lines.append(f"all killed with {pending} photos pending: ready again after {shop.start():.1f} s")
    while shop.photos("pending"):
        time.sleep(1)
    lines.append(f"in the end there are {shop.photos('photos')} of {photos} photos, {shop.photos('indexed')} indexed")
    shop.stop()
    lines.append(f"after an orderly stop: ready again after {shop.start():.1f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
