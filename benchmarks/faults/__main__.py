"""What breaks when a part of the site fails in the middle of work, and how long until all is well again.

Real processes are killed and stopped, real disks fill or hang, and the clock is set, while customers ask and
upload. One line a case. A part that ends is started again by the stack (config.stack), or with it.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import shop
from benchmarks.faults.activities import (
    ACTIVITIES,
    BEDS,
    LARGE,
    Activity,
    activities,
    fill_folder,
    is_trained,
    tracebacks,
)
from benchmarks.faults.clock import Clock, can_be_made
from benchmarks.faults.customers import Customers
from benchmarks.faults.disks import mounted
from benchmarks.faults.faults import FAULTS, can_be
from benchmarks.faults.site import Site, running
from ml.recipes import RANDOM

# Its vectors are short, so that no training holds up for long what waits behind it. What it sees does not matter.
NETWORK = shop.Network("resnet18", RANDOM)
SETTLED_SECONDS = 60  # The bar: so long after the part is back the work is done, beside the time of the work itself.
GIVEN_UP = 300
READY_SECONDS = 5  # Customers go on for so long once it is ready, and all of them must be answered.
# The bar: seconds of the slowest answer. A storage that hangs takes ten, and the machine is busy. A web process that
# stands still answers nobody until it is replaced.
SLOWEST = 15
EXPECTED = {"200", "201", "503", "507", "none"}
# What every activity is struck by without --all.
FEW = (
    "nothing", "kill worker", "kill maintenance", "kill postgresql", "kill everything", "full database", "hang photos",
    "clock back",
)  # fmt: skip
EXAMPLES = """examples:
  python -m benchmarks.faults
  python -m benchmarks.faults --activity index --fault "kill worker" "full photos"
  python -m benchmarks.faults --all
  python -m benchmarks.faults --photos 500 --json faults.json

exit status: 0 every bar was met, 1 some were not: each such line ends with the word that names the bar
"""


@dataclass(frozen=True)
class Case:
    """What was seen of a fault in the middle of an activity."""

    activity: str
    fault: str
    answers: dict[str, int]
    lasted: float
    """Seconds from the fault until its end: for what is killed with the supervisor, until all is started again."""
    slowest: float
    ready: float
    """Seconds from the end of the fault until /readyz answers 200."""
    settled: float
    """Seconds from the end of the fault until the activity is done and no photo is pending."""
    lost: int
    doubled: int
    alone: int
    missed: list[str]
    """The bars that were missed."""

    @property
    def line(self) -> str:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        seconds = f"{self.lasted:6.1f} {self.slowest:7.1f} {self.ready:6.1f} {self.settled:8.1f}"
        counts = f"{self.lost:5} {self.doubled:8} {self.alone:6}"
        return f"{self.activity:14} {self.fault:18} {seconds} {counts}  {answers}  {' '.join(self.missed)}"


HEADING = (
    f"{'in the middle of':14} {'fault':16}  lasted slowest  ready  settled  lost  doubled  alone  "
    "answers (none: no connection)"
)


def measured(site: Site, activity: tuple[str, Activity], fault: str, by_itself: float, customers: Customers) -> Case:
    """What a fault does in the middle of an activity that takes `by_itself` seconds."""
    from benchmarks.faults.damage import damage

    name, work = activity
    with_closed_connections(work.prepare)
    seconds_until(nothing_is_left, time.monotonic())
    with customers:
        with_closed_connections(work.begin)
        time.sleep(work.under_way)
        struck = time.monotonic()
        end = FAULTS[fault].begin(site)
        time.sleep(FAULTS[fault].seconds)
        end()
        ended = time.monotonic()
        ready = site.wait_until_ready()
        is_ready = time.monotonic()
        time.sleep(READY_SECONDS)
    settled = seconds_until(work.is_settled, ended)
    left = damage(customers.accepted)
    bars = {
        "FAILED": customers.statuses.keys() - EXPECTED or customers.without_retry_after,
        "SLOW": customers.slowest > SLOWEST + (ended - struck if fault == "stop web" else 0),
        "UNANSWERED": any(begun > is_ready for begun in customers.unanswered),
        "PENDING": settled >= GIVEN_UP or (fault != "nothing" and settled > by_itself + SETTLED_SECONDS),
        "LOST": left.lost,
        "DOUBLED": left.doubled,
        # Only what is killed, or replaced since it stands still, may leave a file: it cannot delete it.
        "ALONE": left.alone and fault.startswith(("nothing", "full ", "hang ", "clock ")),
        "TRACEBACK": tracebacks(),
    }
    missed = [bar for bar, is_missed in bars.items() if is_missed]
    answers = dict(customers.statuses)
    return Case(name, fault, answers, ended - struck, customers.slowest, ready, settled, **vars(left), missed=missed)


def with_closed_connections(do: Callable[[], object]) -> None:
    """Do it on a new connection: the former one may have met the last fault."""
    from django.db import close_old_connections

    close_old_connections()
    do()


def nothing_is_left() -> bool:
    from benchmarks.faults.activities import nothing_pending

    return nothing_pending()


def seconds_until(is_true: Callable[[], bool], since: float) -> float:
    """Seconds until it is; GIVEN_UP if it never is."""
    from django.db import Error, close_old_connections
    from psycopg_pool import PoolTimeout

    while time.monotonic() - since < GIVEN_UP:
        try:
            close_old_connections()
            if is_true():
                return time.monotonic() - since
        except (Error, PoolTimeout):
            pass  # The database is not back.
        time.sleep(0.5)
    return GIVEN_UP


@contextmanager
def prepared(options: argparse.Namespace) -> Iterator[tuple[Site, str, list[str], list[str]]]:
    """A running site with the photos that are wanted, all indexed; a token for uploads, skus, and names of photos."""
    os.environ["TEXT_ENCODER"] = "none"  # Photos are enough to do.
    with shop.data_folder(NETWORK) as var, mounted(var) as disks:
        clock = Clock(var) if can_be_made() else None
        if clock:
            os.environ |= clock.environment  # For every process that is started from now on.
        import django

        django.setup()
        from django.contrib.auth import get_user_model
        from django.core.management import call_command
        from rest_framework.authtoken.models import Token

        from catalog.models import Photo, Product
        from config.embedded import servers

        call_command("migrate", verbosity=0)
        call_command("prepare")
        wanted = options.activity or ACTIVITIES
        beds = BEDS if "train head" in wanted else 0
        fill_folder(var / "sent", max(options.photos, LARGE if "build index" in wanted else 0) + beds, beds)
        call_command("import_catalog", var / "sent", quiet=True)
        user = get_user_model().objects.create_superuser("faults")
        try:
            with running(var, os.environ["PORT"], disks, clock) as site:
                if beds:
                    seconds_until(is_trained, time.monotonic())
                seconds_until(nothing_is_left, time.monotonic())
                skus = list(Product.objects.values_list("sku", flat=True))
                stored = list(Photo.objects.values_list("file", flat=True))
                yield site, Token.objects.create(user=user).key, skus, stored
        finally:
            servers.leave()  # Before their disk is taken away.


def cases(options: argparse.Namespace, site: Site) -> Iterator[tuple[str, str]]:
    """Every fault in the middle of indexing, and FEW in the middle of all else; with --all everything."""
    for activity in options.activity or ACTIVITIES:
        for fault in options.fault or (FAULTS if options.all or activity == "index" else FEW):
            if why := can_be(fault, site):
                print(f"{activity:14} {fault:18} left out: {why}")
            else:
                yield activity, fault


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--photos", type=int, default=2000, help="photos that are indexed anew (%(default)s)")
    parser.add_argument("--activity", nargs="+", choices=ACTIVITIES, metavar="NAME", help=", ".join(ACTIVITIES))
    parser.add_argument("--fault", nargs="+", choices=FAULTS, metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--all", action="store_true", help="every fault in the middle of every activity: hours")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen as JSON as well")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # What is mounted must not outlive the command.
    seen: list[dict[str, Any]] = []
    missed: Counter[str] = Counter()
    with prepared(options) as (site, token, skus, photos):
        print(HEADING, flush=True)
        work, by_itself = activities(options.photos), dict[str, float]()
        for activity, fault in cases(options, site):
            customers = Customers(site.url, token, skus, photos)
            case = measured(site, (activity, work[activity]), fault, by_itself.get(activity, 0), customers)
            if fault == "nothing":
                by_itself[activity] = case.settled
            print(case.line, flush=True)
            seen.append(vars(case))
            missed.update(case.missed)
    if options.json:
        options.json.write_text(json.dumps(seen, indent=2))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
