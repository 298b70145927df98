"""What pages tell of an import: its state, its counts, how fast it goes on."""

from typing import Any

from django.utils import timezone

from catalog.feeds.gone import GONE
from catalog.feeds.models import Feed
from catalog.importing.importer import Outcome
from catalog.models import Import

State = Import.State
# A live worker settles a batch in seconds. Imports and indexing take turns of ten seconds.
STALLED_SECONDS = 60
TITLES = {
    State.CHECKING: "Checking",
    State.CHECKED: "Ready to import",
    State.QUEUED: "Waiting to be imported",
    State.RUNNING: "Importing",
    State.DONE: "Imported",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}
# The words for a check, and for an import.
WOULD: dict[str, str] = {
    Outcome.ADDED: "to add",
    Outcome.UPDATED: "to change",
    Outcome.REFUSED: "refused",
    Outcome.UNCHANGED: "unchanged",
}
DID = {**WOULD, Outcome.ADDED: "added", Outcome.UPDATED: "changed"}
WOULD_GO = {
    Feed.Gone.KEEP: "gone, to stay",
    Feed.Gone.SOLD_OUT: "gone, to sell out",
    Feed.Gone.DELETE: "gone, to delete",
}
WENT = {Feed.Gone.KEEP: "gone, stay", Feed.Gone.SOLD_OUT: "gone, sold out", Feed.Gone.DELETE: "gone, deleted"}


def told(sent: Import) -> dict[str, str]:
    """The words for what became of rows, or would, and of products that are gone from a feed."""
    words = WOULD if sent.dry_run else DID
    if not sent.gone_as:
        return words
    return {**words, GONE: (WOULD_GO if sent.dry_run else WENT)[Feed.Gone(sent.gone_as)]}


def summary(sent: Import) -> str:
    """How far it is, or what became of its rows, in a line."""
    if sent.state in Import.WAITING:
        return f"{sent.done:,} of {sent.total:,}" if sent.total else "–"
    counts = [(getattr(sent, outcome), words) for outcome, words in told(sent).items()]
    return ", ".join(f"{count:,} {words}" for count, words in counts if count) or "–"


def is_held(sent: Import) -> bool:
    """Whether it is a run of a feed that waits for a person."""
    return sent.state == State.CHECKED and sent.feed_id is not None and not sent.is_check


def title(sent: Import) -> str:
    if is_held(sent):
        return "Waits for you"
    idle = sent.state == State.CHECKED and not (sent.added or sent.updated or sent.gone)
    return "Nothing to import" if idle else TITLES[State(sent.state)]


def progress(sent: Import) -> dict[str, Any]:
    """What the page shows of an import while it changes."""
    begun, active = sent.begun_at, sent.active_at
    seconds = (active - begun).total_seconds() if begun and active else 0
    rate = sent.done / seconds if seconds > 0 else None
    silent = (timezone.now() - (active or sent.created_at)).total_seconds()
    return {
        "state": sent.state,
        "title": title(sent),
        "done": sent.done,
        "total": sent.total,
        "rows_per_second": rate and round(rate, 1),
        "seconds_left": rate and sent.total and round((sent.total - sent.done) / rate),
        "stalled": sent.state in Import.WAITING and silent > STALLED_SECONDS,
        **{outcome: getattr(sent, outcome) for outcome in (*WOULD, GONE)},
        "photos_added": sent.photos_added,
        "reason": sent.reason,
    }
