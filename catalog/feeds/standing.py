"""How feeds stand, as pages, commands and the doctor tell it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone

from catalog.feeds.models import Feed
from catalog.models import Import

State = Import.State


class Stand(StrEnum):
    NEVER = "not read yet"
    DUE = "due"
    READING = "is read"
    IMPORTING = "is imported"
    WAITS = "waits for you"
    CHECKED = "checked"
    IMPORTED = "imported"
    NOT_MODIFIED = "not changed"
    CANCELLED = "cancelled"
    FAILED = "failed"


OF_RUNS = {
    State.CHECKING: Stand.IMPORTING,
    State.CHECKED: Stand.WAITS,
    State.QUEUED: Stand.IMPORTING,
    State.RUNNING: Stand.IMPORTING,
    State.DONE: Stand.IMPORTED,
    State.FAILED: Stand.FAILED,
    State.CANCELLED: Stand.CANCELLED,
}


@dataclass(frozen=True)
class Standing:
    feed: Feed
    stand: Stand
    reason: str
    """Why it failed or waits; empty otherwise."""
    run: Import | None
    """The last one."""


def standing(feed: Feed) -> Standing:
    [found] = standings([feed])
    return found


def standings(feeds: Iterable[Feed]) -> list[Standing]:
    feeds = list(feeds)
    ids = [feed.pk for feed in feeds]
    last = Import.objects.filter(feed__in=ids).order_by("feed_id", "-created_at", "-pk").distinct("feed_id")
    runs, now = {run.feed_id: run for run in last}, timezone.now()
    return [stood(feed, runs.get(feed.pk), now) for feed in feeds]


def stood(feed: Feed, run: Import | None, now: datetime) -> Standing:
    def told(stand: Stand, reason: str = "") -> Standing:
        return Standing(feed, stand, reason, run)

    if feed.reading_until and feed.reading_until > now:
        return told(Stand.READING)
    if run and run.state in Import.WAITING:
        return told(Stand.IMPORTING, run.reason)
    if feed.asked:
        return told(Stand.DUE)
    if run and run.state == State.CHECKED and not run.is_check:  # Also when a later attempt to read it failed.
        return told(Stand.WAITS, run.reason)
    if feed.answer == Feed.Answer.FAILED:
        return told(Stand.FAILED, feed.reason)
    if feed.answer == Feed.Answer.NOT_MODIFIED:
        return told(Stand.NOT_MODIFIED)
    if run is None:
        return told(Stand.NEVER)
    if run.state == State.CHECKED:
        return told(Stand.CHECKED)
    return told(OF_RUNS[State(run.state)], run.reason)
