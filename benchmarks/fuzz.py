"""Search with broken photos until the time is up: each must be answered, soon and within memory, and never with a 500.

The photos are made of whole ones along their structure (tests/broken_photos.py). What fails is made as small as it
can be, kept in a folder, and told.

    python -m benchmarks.fuzz --minutes 10
    python -m benchmarks.fuzz --minutes 1 --seed 7 --keep /tmp/broken
"""

import argparse
import hashlib
import logging
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisException

from benchmarks.shop import Network, data_folder, index_catalog
from tests.broken_photos import broken_photos

if TYPE_CHECKING:
    from django.test import Client

# Photos between two looks at the clock.
ROUND = 500
# Seconds that an answer may take: what a decoder may compute (ml.decoding.pool), on a machine that does something else.
SLOWEST = 20
ALLOWED = (200, 400, 413, 503)


@dataclass
class Tally:
    """What the answers were."""

    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    largest: int = 0
    """Bytes of memory that a decoder took, at most."""


def ask(client: "Client", photo: bytes, tally: Tally) -> tuple[int, float]:
    """Search with the photo. Returns the status and the seconds."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    began = time.perf_counter()
    answer = client.post("/api/v1/search/", {"image": SimpleUploadedFile("photo", photo), "limit": 1})
    seconds = time.perf_counter() - began
    tally.statuses[answer.status_code] += 1
    if answer.status_code != 200:
        tally.codes[answer.json()["errors"][0]["code"]] += 1
    tally.slowest = max(tally.slowest, seconds)
    tally.largest = max(tally.largest, *map(peak_memory, decoders()), 0)
    return answer.status_code, seconds


def decoders() -> list[int]:
    """The decoders of this process."""
    children = Path("/proc/thread-self/children").read_text().split()
    return [int(pid) for pid in children if b"ml.decoding.process" in read(Path(f"/proc/{pid}/cmdline"))]


def peak_memory(pid: int) -> int:
    found = re.search(rb"VmHWM:\s+(\d+)", read(Path(f"/proc/{pid}/status")))
    return int(found[1]) * 1024 if found else 0


def read(path: Path) -> bytes:
    """A file of /proc; nothing once its process has ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def fuzz_round(client: "Client", number: int, tally: Tally, keep: Path) -> bool:
    """Search with ROUND photos. Returns whether all were answered well."""
    failing = b""

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(broken_photos())
    def all_are_answered(photo: bytes) -> None:
        nonlocal failing
        status, seconds = ask(client, photo, tally)
        if status not in ALLOWED or seconds > SLOWEST:
            failing = photo
            raise AssertionError(f"answered with {status} after {seconds:.1f} s")

    try:
        all_are_answered()
    except (AssertionError, HypothesisException) as failure:
        path = keep / hashlib.sha256(failing).hexdigest()[:16]
        path.write_bytes(failing)
        print(f"{failure}: {path}", flush=True)
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first round (%(default)s)")
    parser.add_argument("--keep", type=Path, default=Path("var/fuzz"), help="folder for what fails (%(default)s)")
    parser.add_argument("--catalog", type=Path, default=Path("demo/catalog/catalog.csv"), help="what is searched")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    tally, rounds, failed = Tally(), 0, 0
    with data_folder(Network("efficientnet_lite0", "imagenet")):
        index_catalog(options.catalog)
        from django.test import Client

        logging.getLogger("django.request").setLevel(logging.ERROR)  # A refusal is no news here.
        client = Client(raise_request_exception=False, SERVER_NAME="localhost")
        deadline = time.monotonic() + 60 * options.minutes
        while time.monotonic() < deadline:
            failed += not fuzz_round(client, options.seed + rounds, tally, options.keep)
            rounds += 1
    print(f"{tally.statuses.total():,} photos: " + ", ".join(f"{n:,} x {s}" for s, n in tally.statuses.most_common()))
    print("refused as: " + ", ".join(f"{code} {number:,}" for code, number in tally.codes.most_common()))
    print(f"slowest answer {tally.slowest:.1f} s; most memory of a decoder {tally.largest / 1e6:,.0f} MB")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
