"""The web server on a small shop, and what its processes hold."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.shop import Network, add_network

CATALOG = "demo/catalog/catalog.csv"
PHOTO = Path("demo/queries/LAM-001.webp")
BOUNDARY = "lamplight-benchmark"
# As config.stack starts it, so that this measures earlier commits as well.
SEARCH_PATH = "/api/v1/search/"


def parser(name: str, description: str | None, examples: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_network(made)
    made.set_defaults(weights=Network("efficientnet_lite0", "imagenet"))
    return made


def prepare() -> None:
    """A shop of the sample catalogue, indexed."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    call_command("prepare", verbosity=0)
    call_command("import_catalog", CATALOG, quiet=True)
    call_command("index", verbosity=0)


@contextmanager
def web_server(command: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A web server, by default that of `make run`, at PORT on 127.0.0.1. It need not listen yet."""
    from config.stack.site import COMMANDS

    with subprocess.Popen(
        [sys.executable, "-m", *(command or COMMANDS["web"])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            wait_until(listens=False)


def port() -> int:
    return int(os.environ["PORT"])


def wait_until(listens: bool) -> None:
    """Return once somebody listens at the port, or nobody does."""
    while True:
        with socket.socket() as probe:
            if (probe.connect_ex(("127.0.0.1", port())) == 0) == listens:
                return
        time.sleep(0.005)


def search_request() -> bytes:
    """A search by photo as bytes of HTTP; the server closes the connection after it."""
    disposition = 'Content-Disposition: form-data; name="image"; filename="query.webp"'
    head = f"--{BOUNDARY}\r\n{disposition}\r\nContent-Type: image/webp\r\n\r\n"
    body = head.encode() + PHOTO.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    lines = [f"POST {SEARCH_PATH} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


LIVEZ = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def family(process: subprocess.Popen[bytes]) -> list[Path]:
    """The folders in /proc of a process that leads a group, and of all that it started."""
    return [one for one in Path("/proc").glob("[0-9]*") if _group(int(one.name)) == process.pid]


def _group(pid: int) -> int:
    """Of a process that may have ended meanwhile."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def resident(process: subprocess.Popen[bytes], kinds: tuple[str, ...] = ("Pss:",)) -> float:
    """Memory of a process and its children in MB; what they share counts in part."""
    lines: list[str] = []
    for one in family(process):
        with suppress(OSError):  # It has ended meanwhile.
            lines += (one / "smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(kinds)) / 1000


def descriptors(process: subprocess.Popen[bytes]) -> int:
    count = 0
    for one in family(process):
        with suppress(OSError):
            count += len(list((one / "fd").iterdir()))
    return count
