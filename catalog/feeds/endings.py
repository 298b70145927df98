"""How a feed's runs end: after the check by themselves, or held until a person confirms."""

from django.db.models import F
from django.utils import timezone

from catalog.feeds import brake, gone, schedule
from catalog.feeds.models import Feed
from catalog.feeds.seen import feed_of
from catalog.models import Import

State = Import.State
UNSURE = (
    "Rows that name no sku may be any product's. So no product counts as gone until they are mended or out of the file."
)


def end_of_check(sent: Import) -> tuple[str, str]:
    """The state that follows a check without errors, and why. Counts what would be gone. Its caller has locked it."""
    gone.foretell(sent)
    if gone.is_unsure(sent) and UNSURE not in sent.note:
        gone.write(sent, note="\n".join(filter(None, [UNSURE, sent.note])))
    why = brake.why_held(sent)
    return (State.CHECKED if why or sent.is_check else State.QUEUED), why


def note(sent: Import, state: str) -> None:
    """Write into the feed what the end of one of its runs means for the next. Its caller has locked the run."""
    feeds = Feed.objects.filter(pk=feed_of(sent))
    if state == State.DONE:
        feeds.update(etag=sent.etag, last_modified=sent.last_modified, failures=0)
    elif state == State.FAILED and not sent.is_check:
        feeds.update(failures=F("failures") + 1)
        for feed in feeds:
            again = timezone.now() + schedule.pause(feed.interval, feed.failures)
            feeds.update(next_run=max(again, feed.next_run))
    elif state == State.CANCELLED:
        now = timezone.now()
        for feed in feeds.filter(next_run__lte=now):  # Otherwise the same file would come again at once.
            feeds.update(next_run=schedule.following(feed.created_at, feed.interval, now))
