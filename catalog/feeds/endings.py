"""How a feed's runs end: after the check by themselves, or held until a person confirms."""

from django.db.models import F
from django.utils import timezone

from catalog.feeds import brake, gone, schedule
from catalog.feeds.models import Feed, FeedProduct
from catalog.feeds.seen import feed_of
from catalog.models import Import, ImportRow

State = Import.State
# The rows of so many runs of a feed are kept, and the counts of all (catalog.importing.jobs.KEPT). A feed that is read
# every quarter of an hour with 1,000 bad rows would leave nine million otherwise.
RUNS_WITH_ROWS = 10
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
    if state in (State.FAILED, State.CANCELLED) and not sent.dry_run:
        # A part of the file went in: the one imported last is not what the catalogue has, and is to come whole again.
        feeds.update(etag="", last_modified="")
    if state == State.DONE:
        feeds.update(etag=sent.etag, last_modified=sent.last_modified, failures=0)
        has = FeedProduct.objects.held().filter(feed_id=feed_of(sent)).count()
        gone.write(sent, feed_products=has)
    elif state == State.FAILED and not sent.is_check:
        feeds.update(failures=F("failures") + 1)
        for feed in feeds:
            again = timezone.now() + schedule.pause(feed.interval, feed.failures)
            feeds.update(next_run=max(again, feed.next_run))
    elif state == State.CANCELLED:
        now = timezone.now()
        for feed in feeds.filter(next_run__lte=now):  # Otherwise the same file would come again at once.
            feeds.update(next_run=schedule.following(feed.created_at, feed.interval, now))
    if state in Import.OVER:
        forget_rows(sent)


def forget_rows(sent: Import) -> None:
    """Delete the rows of the feed's runs before the last ones: each end of a run leaves one more."""
    over = Import.objects.filter(feed_id=feed_of(sent), state__in=Import.OVER).order_by("-created_at", "-pk")
    ImportRow.objects.filter(of__in=over.values("pk")[RUNS_WITH_ROWS : RUNS_WITH_ROWS + 20]).delete()
