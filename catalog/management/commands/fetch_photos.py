"""manage.py fetch_photos: the terminal's side of catalog.photo_addresses.turn."""

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, ProgrammingError
from django.db.models import Count
from tqdm import tqdm

from catalog.management.explained_command import ExplainedCommand
from catalog.models import PhotoAddress
from catalog.photo_addresses.settling import Outcome
from catalog.photo_addresses.turn import Turn

SOME_FAILED = 3
INTERRUPTED = 130
SHOWN_HOSTS = 20

EPILOG = """
Catalogues name photos by their web addresses (docs/importing.md). The worker of the queue "fetching" asks for them by
itself; this command does the same at once, and tells how far it is. Both may run: no address is asked twice.

Addresses whose next try is later are left alone, and so are hosts that asked for it.

examples:
  manage.py fetch_photos --dry-run      how many are due, and at which hosts
  manage.py fetch_photos                fetch what is due
  manage.py fetch_photos --retry        ask those that failed, too, and those that wait for a later try
  manage.py fetch_photos --limit 20     look how it goes

exit status: 0 all that were asked are fetched or tried again later, 3 some failed for good
"""


class Command(ExplainedCommand):
    epilog = EPILOG
    help = "Fetch the photos whose web addresses are due."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--retry", action="store_true", help="ask those that failed and those that rest, too")
        parser.add_argument("--limit", type=int, metavar="N", help="ask at most so many")
        parser.add_argument("--dry-run", action="store_true", help="tell what would be asked and change nothing")
        parser.add_argument("--quiet", action="store_true", help="print failures only")

    def handle(self, **options: Any) -> None:
        if options["limit"] is not None and options["limit"] < 1:
            raise CommandError("--limit: ask for 1 or more.", returncode=2)
        try:
            if options["dry_run"]:
                return self.tell(options["retry"])
            if options["retry"]:
                PhotoAddress.objects.resting().ask_anew()
            failed = self.fetch(options["limit"], options["quiet"])
        except KeyboardInterrupt:
            self.stderr.write("Stopped. What came stays; the rest is due as before.")
            sys.exit(INTERRUPTED)
        except ProgrammingError:
            raise  # No tables: manage.py says what to do.
        except (DatabaseError, OSError) as error:
            raise CommandError(f"Stopped: {str(error).rstrip('.')}. What came stays; run it again to go on.") from error
        if failed:
            sys.exit(SOME_FAILED)
        return None

    def tell(self, retry: bool) -> None:
        due = PhotoAddress.objects.pending()
        if retry:
            due = due | PhotoAddress.objects.resting()
        hosts = due.order_by().values_list("host").annotate(number=Count("*")).order_by("-number", "host")
        self.stdout.write(f"{due.count()} addresses would be asked.")
        for host, number in hosts[:SHOWN_HOSTS]:
            self.stdout.write(f"{number:>8} {host or '(cannot be read)'}")
        if (more := hosts.count() - SHOWN_HOSTS) > 0:
            self.stdout.write(f"and {more} more hosts")

    def fetch(self, limit: int | None, quiet: bool) -> int:
        """Ask for what is due, and tell failures. Returns how many failed for good."""
        begun = time.monotonic()
        counts: Counter[str] = Counter()
        total = PhotoAddress.objects.pending().count()
        turn = Turn(most=float("inf") if limit is None else limit)
        for settled in tqdm(turn, total=min(total, limit or total), unit="photo", disable=True if quiet else None):
            counts[settled.outcome] += 1
            if settled.outcome in (Outcome.FAILED, Outcome.LATER):
                address = settled.lease.address
                again = " It is tried again later." if settled.outcome is Outcome.LATER else ""
                self.stderr.write(f"{address.product.sku}: {address.shown}: {settled.reason}{again}")
        if not quiet:
            seconds = time.monotonic() - begun
            told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items()) or "nothing was due"
            self.stdout.write(f"{told} ({counts.total() / max(seconds, 0.001):.0f} a second).")
        return counts[Outcome.FAILED]
