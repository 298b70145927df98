"""Holds a run of a feed that would do more than feeds do from one day to the next: a person has to confirm it."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Max
from django.template.defaultfilters import pluralize
from django.utils import timezone

from catalog.feeds.models import FeedProduct
from catalog.feeds.seen import feed_of
from catalog.importing.importer import Outcome
from catalog.models import Import

# Percent of the rows.
MOST_REFUSED = 20
# A feed whose rows were refused in this share, and that somebody confirmed, is held once there are more.
MORE_REFUSED = 5
# In a small feed a product or two are a large share. Fewer than this are never too many, unless they are most of it.
FEW = 5
PERCENT = "\N{NO-BREAK SPACE}%"
# Runs so far back count together: a feed that is read every quarter of an hour would empty a shop in bites otherwise.
RECENT = timedelta(days=7)
# How catalog.importing.tables says that a line has no end.
CUT_OFF = ("it has ", "it cannot be read as CSV")


def why_held(sent: Import) -> str:
    """Why a checked run waits for a person, in sentences; empty if it does not."""
    return " ".join(reasons(sent))


def reasons(sent: Import) -> Iterator[str]:
    rows, readable = sent.total or 0, sent.added + sent.updated + sent.unchanged
    if not rows:
        yield "The file has no products."
    elif not readable:
        yield f"None of its {rows:,} rows can be read." if rows > 1 else "Its only row cannot be read."
    elif too_many(sent.refused, rows, allowed_refused(sent)):
        yield f"{share(sent.refused, rows)} of its {rows:,} rows are refused."
    if sent.gone and is_cut_off(sent):
        yield "Its last row is not whole: the file seems to be cut off."
    had = FeedProduct.objects.held().filter(feed_id=feed_of(sent)).count()
    most, left = most_had(sent), left_by(sent, had)
    if sent.feed and too_many(sent.gone, had, sent.feed.brake):
        yield (
            f"{sent.gone:,} of the {had:,} products that the feed had ({share(sent.gone, had)}) are not in the file any"
            f" more. The brake is set to {sent.feed.brake}{PERCENT}."
        )
    elif sent.feed and sent.gone and too_many(most - left, most, sent.feed.brake):
        yield (
            f"The feed would have {left:,} products left of the {most:,} that it had within the last {RECENT.days} days"
            f" ({share(most - left, most)} fewer). The brake is set to {sent.feed.brake}{PERCENT}."
        )
    elif sent.gone and not readable:
        yield f"{sent.gone:,} product{pluralize(sent.gone)} would be gone."


def most_had(sent: Import) -> int:
    """The most products that the feed has had lately, since a person last confirmed a run of it."""
    done = Import.objects.filter(feed_id=feed_of(sent), state=Import.State.DONE)
    confirmed = done.filter(is_confirmed=True).aggregate(last=Max("pk"))["last"] or 0
    recent = done.filter(pk__gte=confirmed, created_at__gt=timezone.now() - RECENT)
    return recent.aggregate(most=Max("feed_products"))["most"] or 0


def left_by(sent: Import, had: int) -> int:
    """The products that the feed would have after a checked run. One that others brought counts once it is imported."""
    back = FeedProduct.objects.filter(feed_id=feed_of(sent), is_gone=True, seen_in=sent.pk).count()
    return had - sent.gone + sent.added + back


def is_cut_off(sent: Import) -> bool:
    last = sent.rows.filter(outcome=Outcome.REFUSED, number=(sent.total or 0) - 1).first()
    return last is not None and last.text.startswith(CUT_OFF)


def too_many(count: int, of: int, percent: float) -> bool:
    """More than that many percent, and not just a few: FEW or more, or two or more that are most of them."""
    return count * 100 > of * percent and (count >= FEW or (count >= 2 and count * 2 > of))


def allowed_refused(sent: Import) -> float:
    """Percent of rows that may be refused: what somebody has confirmed before need not be confirmed again."""
    last = Import.objects.filter(feed_id=feed_of(sent), state=Import.State.DONE).first()
    before = 100 * last.refused / last.total if last and last.total else 0
    return before + MORE_REFUSED if before > MOST_REFUSED else MOST_REFUSED


def share(count: int, of: int) -> str:
    return f"{count / of:.0%}".replace("%", PERCENT)
