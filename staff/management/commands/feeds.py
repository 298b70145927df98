"""manage.py feeds"""

import argparse
import json
import time
from typing import Any

from django.core.management import CommandError

from catalog.feeds import runs
from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, Standing, standing, standings
from catalog.importing import jobs
from catalog.management.explained_command import ExplainedCommand
from catalog.models import Import
from search.store import partitions
from staff.import_progress import summary

EPILOG = """
examples:
  manage.py feeds
  manage.py feeds --json | jq '.[] | select(.state == "failed") | {name, reason}'
  manage.py feeds run "Oak & Co"
  manage.py feeds run "Oak & Co" --dry-run      # read and checked, nothing written; the admin shows it row by row

exit status: 0 all went well or nothing had changed, 1 it failed, is busy or waits to be confirmed, 2 no such feed
"""
SECONDS = 0.5  # Between two looks at what another process does.
GOOD = {Stand.IMPORTED, Stand.NOT_MODIFIED}


class Command(ExplainedCommand):
    epilog = EPILOG
    help = (
        "List the feeds and how they stand, or read, check and import one here and now. Staff make them in the admin."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("verb", nargs="?", choices=("list", "run"), default="list", help="what to do (list)")
        parser.add_argument("name", nargs="?", metavar="NAME", help="of the feed to run")
        parser.add_argument("--dry-run", action="store_true", help="with run: check what it has, and write nothing")
        parser.add_argument("--json", action="store_true", help="print objects instead of lines")

    def handle(self, *args: Any, verb: str, name: str | None, **options: Any) -> None:
        if verb == "run":
            self.run(name, options["dry_run"], options["json"])
            return
        if name or options["dry_run"]:
            raise CommandError(
                f"{'NAME' if name else '--dry-run'} goes with run: manage.py feeds run NAME", returncode=2
            )
        told = [facts(found) for found in standings(Feed.objects.all())]
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        elif told:
            self.stdout.write("\n".join(map(line, told)))
        else:
            self.stderr.write("There are no feeds. Staff make them in the admin, below Catalogue.")

    def run(self, name: str | None, dry_run: bool, as_json: bool) -> None:
        feed = named(name)
        if not runs.ask(feed, Feed.Asked.CHECK if dry_run else Feed.Asked.RUN):
            raise CommandError(f"{feed} is being read or imported already.", returncode=1)
        found = finished(feed)
        told = facts(found)
        self.stdout.write(json.dumps(told, indent=2) if as_json else line(told))
        if found.stand not in (GOOD | {Stand.CHECKED} if dry_run else GOOD):
            raise CommandError(f"{feed}: {found.stand}. {found.reason}".strip(), returncode=1)


def named(name: str | None) -> Feed:
    """Raises CommandError."""
    if not name:
        raise CommandError("NAME is missing: manage.py feeds run NAME", returncode=2)
    feed = Feed.objects.named(name)
    if feed is None:
        known = ", ".join(Feed.objects.values_list("name", flat=True)) or "none yet"
        raise CommandError(f"NAME: there is no feed {name!r}. Feeds: {known}.", returncode=2)
    return feed


def finished(feed: Feed) -> Standing:
    """Read the feed and import what it brings, unless a worker was faster, and wait for the end."""
    if leased := runs.take_up(pk=feed.pk):
        runs.read(leased)
    while True:
        feed.refresh_from_db()
        found = standing(feed)
        if found.stand is Stand.IMPORTING:
            with partitions.importing() as alone:
                if alone:
                    jobs.work(SECONDS)
        elif found.stand not in (Stand.READING, Stand.DUE):
            return found
        if found.stand is not Stand.IMPORTING or not alone:
            time.sleep(SECONDS)


def facts(found: Standing) -> dict[str, Any]:
    feed, run = found.feed, found.run
    return {
        "name": feed.name,
        "address": feed.shown_address,
        "state": str(found.stand),
        "reason": found.reason,
        "every_minutes": feed.every,
        "on": feed.is_on,
        "gone": feed.gone,
        "brake_percent": feed.brake,
        "products": feed.products.held().count(),
        "failures": feed.failures,
        "last_run": feed.read_at and feed.read_at.isoformat(),
        "next_run": feed.next_run.isoformat() if feed.is_on else None,
        "last_import": run and of_run(run),
    }


def of_run(run: Import) -> dict[str, Any]:
    names = ("added", "updated", "unchanged", "refused", "gone", "photos_added")
    return {"number": run.pk, "state": run.state, "dry_run": run.dry_run, "summary": summary(run)} | {
        name: getattr(run, name) for name in names
    }


def line(told: dict[str, Any]) -> str:
    run = told["last_import"]
    parts = [
        told["name"],
        told["address"],
        told["state"],
        f"{told['products']:,} products",
        run and run["summary"] != "–" and f"last: {run['summary']}",
        f"next {told['next_run'][:16]}" if told["next_run"] else "off",
    ]
    return "  ".join(filter(None, parts)) + (f"\n    {told['reason']}" if told["reason"] else "")
