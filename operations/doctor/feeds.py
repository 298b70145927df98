"""Feeds that fail, and those that wait for a person."""

from collections.abc import Iterator

from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, standings
from operations.doctor.finding import Finding, ok, warning

# A server that is away for one run is nothing to look at.
OFTEN = 3


def feeds() -> Iterator[Finding]:
    on = standings(Feed.objects.filter(is_on=True))
    calm = True
    for found in on:
        feed = found.feed
        if found.stand is Stand.WAITS:
            calm = False
            yield warning(
                f"the feed {feed} waits for you: {found.reason.rstrip('.')}",
                "Look at its last run in the admin, then confirm or cancel it.",
            )
        elif feed.failures >= OFTEN:
            calm = False
            yield warning(
                f"the feed {feed} failed {feed.failures} times in a row: {found.reason.rstrip('.')}",
                "Its page in the admin shows where it is read from, and when it is tried again.",
            )
    if calm:
        yield ok(f"{len(on)} feeds are read by their schedules" if on else "no feed is read")
