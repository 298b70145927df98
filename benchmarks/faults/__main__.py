"""What breaks when a part of the site fails in the middle of work, and how long until all is well again.

Real processes are killed and stopped, and real disks filled, while customers ask and upload. One line a case.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import shop
from benchmarks.faults.activities import ACTIVITIES, fill_folder
from benchmarks.faults.customers import Customers
from benchmarks.faults.disks import mounted
from benchmarks.faults.faults import FAULTS
from benchmarks.faults.site import Site, running

NETWORK = shop.Network("efficientnet_lite0", "imagenet")
UNDER_WAY = 1.5  # Seconds from the beginning of an activity to the fault.
SETTLED_SECONDS = 60  # The bar: nothing is pending so long after the part is back.
GIVEN_UP = 180
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
        numbers = (
            f"{self.slowest:7.1f} {self.ready:6.1f} {self.settled:8.1f} {self.lost:5} {self.doubled:8} {self.alone:6}"
        )
        return f"{self.activity:14} {self.fault:18} {numbers}  {answers}  {' '.join(self.missed)}"


HEADING = (
    f"{'in the middle of':14} {'fault':16} slowest  ready  settled  lost  doubled  alone  answers (none: no connection)"
)


def measured(site: Site, activity: str, fault: str, token: str, skus: list[str]) -> Case:
    from benchmarks.faults.damage import damage

    with Customers(site.url, token, skus) as customers:
        ACTIVITIES[activity].begin()
        time.sleep(UNDER_WAY)
        end = FAULTS[fault].begin(site)
        time.sleep(FAULTS[fault].seconds)
        end()
        ended = time.monotonic()
        ready = site.wait_until_ready()
    settled = seconds_until_done(activity, ended)
    left = damage(customers.accepted)
    failed = customers.statuses["500"] or customers.without_retry_after
    bars = {
        "FAILED": failed,
        "SLOW": customers.slowest > 2 * FAULTS[fault].seconds + 10,
        "PENDING": settled > SETTLED_SECONDS,
        "LOST": left.lost,
        "DOUBLED": left.doubled,
    }
    missed = [name for name, is_missed in bars.items() if is_missed]
    answers = dict(customers.statuses)
    return Case(
        activity, fault, answers, customers.slowest, ready, settled, left.lost, left.doubled, left.alone, missed
    )


def seconds_until_done(activity: str, since: float) -> float:
    """Seconds until the activity is done; GIVEN_UP if it never is."""
    from django.db import Error, close_old_connections
    from psycopg_pool import PoolTimeout

    while time.monotonic() - since < GIVEN_UP:
        try:
            close_old_connections()
            if ACTIVITIES[activity].is_done():
                return time.monotonic() - since
        except (Error, PoolTimeout):
            pass  # The database is not back.
        time.sleep(0.5)
    return GIVEN_UP


@contextmanager
def prepared(photos: int) -> Iterator[tuple[Site, str, list[str]]]:
    """A running site with that many photos, all indexed; a token for uploads, and the skus."""
    os.environ["TEXT_ENCODER"] = "none"  # Photos are enough to do.
    with shop.data_folder(NETWORK) as var, mounted(var) as disks:
        import django

        django.setup()
        from django.contrib.auth import get_user_model
        from django.core.management import call_command
        from rest_framework.authtoken.models import Token

        from catalog.models import Product
        from config.embedded import servers

        call_command("migrate", verbosity=0)
        call_command("prepare")
        fill_folder(var / "sent", photos)
        call_command("import_catalog", var / "sent", quiet=True)
        user = get_user_model().objects.create_superuser("faults")
        try:
            with running(var, os.environ["PORT"], disks) as site:
                seconds_until_done("index", time.monotonic())
                skus = list(Product.objects.values_list("sku", flat=True))
                yield site, Token.objects.create(user=user).key, skus
        finally:
            servers.leave()  # Before their disk is taken away.


def cases(options: argparse.Namespace, can_fill: bool) -> Iterator[tuple[str, str]]:
    """Every fault in the middle of indexing, and a part of them in the middle of all else; with --all everything."""
    few = ["nothing", "kill worker", "kill maintenance", "kill postgresql", "kill everything"]
    for activity in options.activity or ACTIVITIES:
        chosen = options.fault or (list(FAULTS) if options.all or activity == "index" else few)
        for fault in chosen:
            if can_fill or not fault.startswith("full "):
                yield activity, fault
            else:
                print(f"{activity:14} {fault:18} left out: nothing may be mounted here")


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description=__doc__, epilog=EXAMPLES, formatter_class=raw
    )
    parser.add_argument("--photos", type=int, default=2000, help="photos of the shop (%(default)s)")
    parser.add_argument("--activity", nargs="+", choices=ACTIVITIES, metavar="NAME", help=", ".join(ACTIVITIES))
    parser.add_argument("--fault", nargs="+", choices=FAULTS, metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument(
        "--all", action="store_true", help="every fault in the middle of every activity: an hour or more"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen as JSON as well")
    options = parser.parse_args()
    seen: list[dict[str, Any]] = []
    missed: Counter[str] = Counter()
    with prepared(options.photos) as (site, token, skus):
        print(HEADING, flush=True)
        for activity, fault in cases(options, can_fill=bool(site.disks)):
            case = measured(site, activity, fault, token, skus)
            print(case.line, flush=True)
            seen.append(vars(case))
            missed.update(case.missed)
    if options.json:
        options.json.write_text(json.dumps(seen, indent=2))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
