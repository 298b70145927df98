"""Reads feeds that are due. What a feed brings becomes an Import, which workers check and run as they do all others.

Which feeds are due is asked of the database. A worker leases a feed while it waits for the feed's server. If it dies,
the lease ends by itself.
"""

import logging
import time
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import OperationalError, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from catalog.feeds import schedule
from catalog.feeds.download import LEASE, Brought, NoFile, download
from catalog.feeds.models import Feed, FeedQuerySet
from catalog.importing import jobs
from catalog.models import Import

logger = logging.getLogger(__name__)
# A run that waits for a person holds up the schedule for so long. Then a newer one takes its place.
PATIENCE = timedelta(days=2)
# A file that has not changed is imported anew after so long: sales in it begin and end by the calendar. Less than a
# day, so that a run of a daily feed that begins some seconds sooner after the last one does not miss its turn.
GOOD = timedelta(hours=20)
# What, when it changes, has the feed begin anew: the file is asked for as if it had never been read.
TELLING = frozenset(["address", "format", "gone", "brake"])
REPLACED = "A newer run of the feed took its place."
OTHERWISE = "The feed was changed."
REMOVED = "The feed was deleted."
Asked, Answer = Feed.Asked, Feed.Answer


def due(now: datetime) -> FeedQuerySet:
    """The feeds to be read now: staff asked for it, or it is time. None that is being read or imported."""
    runs = Import.objects.filter(feed=OuterRef("pk"))
    is_busy = Exists(runs.filter(state__in=Import.WAITING))
    is_held = Exists(runs.held().filter(created_at__gt=now - PATIENCE))
    is_free = Q(reading_until=None) | Q(reading_until__lte=now)
    is_time = Q(is_on=True, next_run__lte=now) & ~is_held
    found = Feed.objects.filter(is_free & (~Q(asked=Asked.NOTHING) | is_time)).exclude(is_busy)
    return found.order_by("next_run", "pk")


def work(seconds: float) -> bool:
    """Read due feeds for about that many seconds. Returns whether one is still due."""
    deadline = time.monotonic() + seconds
    while feed := take_up():
        read(feed)
        if time.monotonic() > deadline:
            return due(timezone.now()).exists()
    return False


def take_up(**which: object) -> Feed | None:
    """Lease the feed that has been due for longest, of those of these fields. None if none is."""
    now = timezone.now()
    with transaction.atomic():
        feed = due(now).filter(**which).select_for_update(skip_locked=True, of=("self",)).first()
        if feed:
            feed.reading_until = now + LEASE
            Feed.objects.filter(pk=feed.pk).update(reading_until=feed.reading_until)
    return feed


def read(feed: Feed) -> None:
    """Read a feed that this process has leased, and store what became of it."""
    try:
        brought = download(feed, is_conditional(feed, timezone.now()))
        if brought is None:
            store_nothing(feed)
        else:
            with brought.file:
                store(feed, brought)
    except NoFile as failure:
        fail(feed, str(failure), failure.retry_after)
    except OSError as error:
        logger.exception("feed %s: its file cannot be stored", feed.pk)
        fail(feed, f"The file cannot be stored here: {error.strerror or 'the disk failed'}.")
    except OperationalError:  # The database is away, or has undone a deadlock: the lease ends by itself.
        raise
    except Exception:  # Whatever a server makes us stumble over: otherwise it would be asked every three minutes.
        logger.exception("feed %s: reading it broke off", feed.pk)
        fail(feed, "Reading it broke off by an error of Lamplight's own. The worker's log says which.")


def is_conditional(feed: Feed, now: datetime) -> bool:
    """Whether the server is asked only for a file that has changed."""
    return (
        feed.asked != Asked.CHECK and feed.imports.filter(state=Import.State.DONE, created_at__gt=now - GOOD).exists()
    )


def store_nothing(feed: Feed) -> None:
    with transaction.atomic():
        replace_waiting(feed)
        if not settle(feed, answer=Answer.NOT_MODIFIED, failures=0):
            transaction.set_rollback(True)


def store(feed: Feed, brought: Brought) -> None:
    """Make an Import of the file."""
    with transaction.atomic():
        replace_waiting(feed)
        if not settle(feed, answer=Answer.FILE):
            transaction.set_rollback(True)
            return
        run = Import(
            feed=feed,
            csv_name=feed.name,
            format=feed.format,
            is_check=feed.asked == Asked.CHECK,
            gone_as=feed.gone,
            etag=brought.etag,
            last_modified=brought.last_modified,
        )
        run.csv.save(feed.name, brought.file, save=False)
        run.save()


def replace_waiting(feed: Feed) -> None:
    """Cancel a run that waits for a person. It is locked before the feed's row, as by whoever ends a run."""
    for waiting in feed.imports.filter(state=Import.State.CHECKED).order_by("pk"):
        jobs.give_up(waiting, REPLACED)


def settle(feed: Feed, reason: str = "", **fields: object) -> bool:
    """Store how reading ended, and when to read next. False if the lease was over, or the feed begins anew."""
    now = timezone.now()
    with transaction.atomic():
        mine = Feed.objects.select_for_update(no_key=True).filter(pk=feed.pk, reading_until=feed.reading_until).first()
        if mine is None or mine.imports.filter(state__in=Import.WAITING).exists():
            return False
        if mine.next_run <= now:
            fields.setdefault("next_run", schedule.following(mine.created_at, mine.interval, now))
        Feed.objects.filter(pk=feed.pk).update(
            reading_until=None, asked=Asked.NOTHING, read_at=now, reason=reason, **fields
        )
    return True


def fail(feed: Feed, reason: str, asked_for: timedelta | None = None) -> None:
    """A run that staff asked for changes nothing in the schedule."""
    logger.warning("feed %s: not read: %s", feed.pk, reason)
    if feed.asked != Asked.NOTHING:
        settle(feed, reason, answer=Answer.FAILED)
        return
    failures = feed.failures + 1
    again = timezone.now() + schedule.pause(feed.interval, failures, asked_for)
    settle(feed, reason, answer=Answer.FAILED, failures=failures, next_run=again)


def ask(feed: Feed, what: Feed.Asked) -> bool:
    """Have a feed read soon: a run, or a check alone. False if it is being read or imported."""
    now = timezone.now()
    with transaction.atomic():
        locked = Feed.objects.select_for_update(no_key=True).get(pk=feed.pk)
        is_read = locked.reading_until and locked.reading_until > now
        if is_read or locked.imports.filter(state__in=Import.WAITING).exists():
            return False
        locked.asked = what
        locked.save(update_fields=["asked"])
    return True


def change(feed: Feed, names: Collection[str]) -> None:
    """Save these fields of a feed, no others, since workers write those, and do what follows."""
    now = timezone.now()
    is_another = not TELLING.isdisjoint(names)
    with transaction.atomic():
        if is_another:
            stop_runs(feed, OTHERWISE)
        feed.save(update_fields=names)
        written = Feed.objects.filter(pk=feed.pk)
        if is_another:
            begin_anew(feed)
        elif "is_on" in names and feed.is_on:
            written.update(next_run=now)
        elif "every" in names:
            written.update(next_run=schedule.following(feed.created_at, feed.interval, now))


def stop_runs(feed: Feed, reason: str) -> None:
    """Cancel the runs under way, before the feed's row is locked: whoever ends a run locks the run first."""
    for run in feed.imports.exclude(state__in=Import.OVER).order_by("pk"):
        jobs.cancel(run, reason)


def begin_anew(feed: Feed) -> None:
    """Forget what was read before, since the feed is another now. What went in stays."""
    Feed.objects.filter(pk=feed.pk).update(
        etag="", last_modified="", reason="", reading_until=None, failures=0, next_run=timezone.now()
    )
    # A worker may have brought a file since the runs were stopped. One that it holds already goes in: waiting for it
    # with the feed's row locked could deadlock.
    brought = (
        feed.imports.exclude(state__in=Import.OVER).order_by("pk").select_for_update(skip_locked=True, of=("self",))
    )
    for run in brought:
        jobs.cancel(run, OTHERWISE)


def remove(feed: Feed) -> None:
    """Delete a feed. Its products stay; a run under way is cancelled."""
    with transaction.atomic():
        stop_runs(feed, REMOVED)
        # In one order, as by runs of other feeds that have some of its products.
        list(feed.products.order_by("pk").select_for_update().values_list("pk"))
        feed.delete()
