"""How far photos and texts are in the index, and whether what belongs to it is there."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Min
from django.utils import timezone
from django.utils.timesince import timesince

from operations.doctor.finding import Finding, ok, problem, warning
from search import head_training, photo_states, text_indexing
from search.models import Space
from search.spaces import can_have_head
from search.store import indexes

# Beat rings every 30 s and a worker settles thousands of photos in ten minutes: an import's last ones wait so long. In
# an hour a worker of two cores settles 300,000.
LATE, TOO_LATE = timedelta(minutes=10), timedelta(hours=1)


def spaces() -> Iterator[Finding]:
    """One finding about each space, and what the live one lacks."""
    live = Space.objects.live()
    if live is None:
        yield problem("there is no live space", "Run manage.py prepare.")
        return
    counts = {space: photo_states.counts(space) for space in Space.objects.order_by("pk")}
    for space, count in counts.items():
        yield ok(f"{space} is {space.state}: {count.indexed} of {count.total} photos indexed")
    yield from _pending(live)
    if rejected := counts[live].rejected:
        cure = "The admin's list of products shows which, filtered by rejected photos; upload them again."
        yield warning(f"{rejected} photos cannot be indexed", cure)
    if indexes.are_due(live):
        yield warning("large categories are scanned without an index", "Run manage.py maintain.")
    if head_training.is_due(live) and can_have_head(live):
        yield warning("the category head is due to be trained", "Run manage.py train_head.")


def _pending(live: Space) -> Iterator[Finding]:
    pending = photo_states.pending(live)
    oldest = pending.aggregate(oldest=Min("created_at"))["oldest"]
    if oldest is None:
        return
    told = f"{pending.count()} photos are pending, the oldest for {timesince(oldest)}"
    age = timezone.now() - oldest
    cure = "See whether a worker runs, and its log; manage.py index indexes here and now."
    if age > TOO_LATE:
        yield problem(told, cure)
    elif age > LATE:
        yield warning(told, cure)
    else:
        yield ok(told)


def texts() -> Iterator[Finding]:
    progress = text_indexing.progress()
    if progress is None:
        yield ok("words are not searched by their meaning")
    else:
        yield ok(f"{progress.products - progress.pending} of {progress.products} products' texts are encoded")
