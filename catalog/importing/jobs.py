"""Imports that staff send through the admin, and those of feeds.

Any worker checks them, and runs them once staff confirm. A feed's is run without that, unless its brake holds it
(catalog.feeds).

Workers ask the database what is to be done. A batch of rows and the import's progress are committed together. If a
worker dies, the next one goes on from there.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.db import OperationalError, transaction
from django.utils import timezone

from catalog.feeds import endings, gone, seen
from catalog.importing.albums import Archive, Misuse, OutOfReach
from catalog.importing.catalog_rows import CatalogRows
from catalog.importing.folder_rows import ArchiveRows
from catalog.importing.importer import Importer, Loaded, Outcome, Result, batches, decoders
from catalog.importing.recognition import files_of, read_sent
from catalog.importing.rows import ProductRow
from catalog.models import Import, ImportQuerySet, ImportRow
from catalog.storage import private_storage
from ml.images import DecodersBusy

logger = logging.getLogger(__name__)

State = Import.State
# A full disk, or a storage or database that is away. The import is not at fault, and goes on once they are mended.
OUTAGES = (OSError, OutOfReach, OperationalError, DecodersBusy)
# Rows kept and shown of each outcome. Refused rows are all kept.
SHOWN_ROWS = 1_000
# An import that kills its workers is taken up this often. A worker that is merely restarted settles rows in between.
MAX_ATTEMPTS = 5
KEPT_UNCONFIRMED = timedelta(days=7)
KEPT = timedelta(days=90)
# A run of a feed has photos asked again that were last asked so long ago: less than a day, as catalog.feeds.runs.GOOD.
# A person who imports has all of them asked.
RESTED = timedelta(hours=20)
# A server that dies during an upload, or before it writes the row, leaves files without an import.
KEPT_ALONE = timedelta(days=1)


def work(seconds: float) -> bool:
    """Go on with waiting imports for about that many seconds. Returns whether one still waits.

    Callers at the same time do no harm, but waste work: only one of them settles a batch.
    """
    is_left = take_turn(seconds)
    tidy()
    return is_left


def take_turn(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while sent := take_up():
        try:
            go_on(sent, deadline)
        except OUTAGES as outage:
            logger.exception("import %s: turn ended", sent.pk)
            hold(sent, outage)
            return False  # beat's next ring is soon enough
        if time.monotonic() > deadline:
            return Import.objects.waiting().exists()
    return False


def take_up() -> Import | None:
    """The import that has waited longest, with one more attempt counted. None if none waits."""
    with transaction.atomic():
        sent = Import.objects.waiting().select_for_update(skip_locked=True).first()
        if sent is None:
            return None
        now = timezone.now()
        if sent.state == State.QUEUED:
            begin(sent)
        if sent.attempts == MAX_ATTEMPTS:
            change(sent, state=State.FAILED, reason=exhausted(sent))
            note_end(sent, State.FAILED)
        else:
            change(sent, attempts=sent.attempts + 1, active_at=now, begun_at=sent.begun_at or now)
    return sent


def begin(sent: Import) -> None:
    """Turn a confirmed check into a run, with all counts at 0."""
    sent.rows.all().delete()
    nothing = dict.fromkeys(["done", "attempts", "photos_added", "gone", *(outcome.value for outcome in Outcome)], 0)
    change(sent, state=State.RUNNING, dry_run=False, begun_at=None, **nothing)


def change(sent: Import, **fields: object) -> None:
    """Update these fields, without signals: nobody listens for an import's progress."""
    Import.objects.filter(pk=sent.pk).update(**fields)
    for name, value in fields.items():
        setattr(sent, name, value)


def go_on(sent: Import, deadline: float) -> None:
    """Settle rows until all are settled, the time is up, the import is cancelled or another worker is ahead."""
    if sent.state in Import.OVER:
        return
    importer = Importer(sent.dry_run, RESTED if sent.feed_id else timedelta(0))
    try:
        with opened(sent) as rows, decoders() as pool:
            if sent.total is None:
                count(sent, rows)
            remaining = iter(rows)
            recall(sent, importer, remaining)
            for number, batch in enumerate(batches(remaining)):
                late = number > 0 and time.monotonic() > deadline  # each turn settles one batch at least
                if sent.feed_id is not None:
                    importer.back = seen.back_in_stock(row.sku for row in batch)
                if late or not settle(sent, importer, importer.load(batch, pool)):
                    return
    except OutOfReach:
        raise
    except Misuse as error:
        finish(sent, State.FAILED, str(error))
    else:
        conclude(sent, deadline)


def conclude(sent: Import, deadline: float) -> None:
    """End an import whose rows are all settled."""
    if not sent.dry_run:
        if sent.feed_id is None or gone.settle(sent, deadline):
            finish(sent, State.DONE)
        return
    with transaction.atomic():
        if sent.feed_id is None:
            finish(sent, State.CHECKED)
        elif own(sent).select_for_update():
            finish(sent, *endings.end_of_check(sent))


def own(sent: Import) -> ImportQuerySet:
    """The import, unless somebody cancelled it or another worker is ahead."""
    return Import.objects.filter(pk=sent.pk, state=sent.state, done=sent.done)


def hold(sent: Import, outage: Exception) -> None:
    """Store why the import is held up. The turn does not count as an attempt."""
    why = " ".join(str(getattr(outage, "strerror", None) or outage).split()).rstrip(".")
    reason = f"It is held up: {why}. It tries again by itself."
    held_up = Import.objects.filter(pk=sent.pk, state=sent.state)
    held_up.update(attempts=max(sent.attempts - 1, 0), reason=reason)


@contextmanager
def opened(sent: Import) -> Iterator[CatalogRows | ArchiveRows]:
    """The rows of the files sent. Raises Misuse."""
    archive = Archive(Path(sent.photos.path), sent.photos_name, sent.zip_names) if sent.photos else None
    try:
        yield read_sent(Path(sent.csv.path) if sent.csv else None, archive, sent.csv_name, sent.format)
    finally:
        if archive:
            archive.close()


def count(sent: Import, rows: CatalogRows | ArchiveRows) -> None:
    """Raises Misuse."""
    files = files_of(rows)
    notes = [files.left_alone()] if files else []
    if isinstance(rows, CatalogRows):
        notes += [*rows.notes(), *rows.understood()]
    change(sent, total=rows.count, unit=rows.unit, note="\n".join(filter(None, notes)))


def recall(sent: Import, importer: Importer, rows: Iterator[object]) -> None:
    """Skip the rows that are settled, and remember their skus in case they come again."""
    refused = set(sent.rows.filter(outcome=Outcome.REFUSED).values_list("number", flat=True))
    for number, row in enumerate(islice(rows, sent.done)):
        if isinstance(row, ProductRow) and number not in refused:
            importer.recall(row)


def settle(sent: Import, importer: Importer, batch: list[Loaded]) -> bool:
    """Settle the batch. Returns False if the import was cancelled or another worker was faster."""
    with importer.together(batch):
        if not own(sent).select_for_update():
            return False
        results = list(importer.settle(batch))
        record(sent, results)
        if sent.feed_id is not None:
            seen.mark(sent, results)
    return True


def record(sent: Import, results: list[Result]) -> None:
    kept = []
    seen = Counter({outcome: getattr(sent, outcome.value) for outcome in Outcome})
    for number, result in enumerate(results, sent.done):
        seen[result.outcome] += 1
        if result.outcome is Outcome.REFUSED or seen[result.outcome] <= SHOWN_ROWS:
            kept.append(as_row(sent, number, result))
    ImportRow.objects.bulk_create(kept)
    change(
        sent,
        done=sent.done + len(results),
        photos_added=sent.photos_added + sum(result.photos_added for result in results),
        attempts=0,
        reason="",
        active_at=timezone.now(),
        **{outcome.value: seen[outcome] for outcome in Outcome},
    )


def as_row(sent: Import, number: int, result: Result) -> ImportRow:
    return ImportRow(
        of=sent,
        number=number,
        place=result.place,
        sku=result.sku,
        outcome=result.outcome,
        photos_added=result.photos_added,
        text=result.reason or result.what,
    )


def finish(sent: Import, state: str, reason: str = "") -> None:
    """End the import in this state, unless someone cancelled it or another worker is ahead."""
    with transaction.atomic():
        if own(sent).update(state=state, reason=reason, attempts=0, active_at=timezone.now()):
            note_end(sent, state)


def note_end(sent: Import, state: str) -> None:
    if sent.feed_id is not None:
        endings.note(sent, state)


def exhausted(sent: Import) -> str:
    return (
        f"It stopped {MAX_ATTEMPTS} times after row {sent.done:,}. The worker's log says why. "
        "What went in stays. Mend the cause, then send the files again: only the rest is written."
    )


def start(sent: Import) -> bool:
    """Queue a checked import. Returns False if it is not checked, or runs already."""
    return move(sent, (State.CHECKED,), State.QUEUED, is_confirmed=True)


def cancel(sent: Import, reason: str = "") -> bool:
    """Stop an import. What went in stays. Waits a second or two for the batch under way. False if it is over."""
    return move(sent, (State.CHECKED, *Import.WAITING), State.CANCELLED, reason)


def give_up(sent: Import, reason: str) -> bool:
    """Cancel an import that waits for a person. False if it does not, or does no more."""
    return move(sent, (State.CHECKED,), State.CANCELLED, reason)


def move(sent: Import, states: tuple[str, ...], to: str, reason: str = "", is_confirmed: bool = False) -> bool:
    with transaction.atomic():
        locked = Import.objects.select_for_update().filter(pk=sent.pk, state__in=states).first()
        if locked is None:
            return False
        locked.state, locked.reason, locked.is_confirmed = to, reason, locked.is_confirmed or is_confirmed
        locked.save(update_fields=["state", "reason", "is_confirmed"])
        note_end(locked, to)
    return True


def tidy() -> None:
    """Cancel what nobody confirmed, delete the files of imports that are over, and forget old ones."""
    now = timezone.now()
    forgotten = Import.objects.filter(state=State.CHECKED, created_at__lt=now - KEPT_UNCONFIRMED)
    forgotten.update(state=State.CANCELLED, reason="Nobody confirmed it in time.")
    for sent in Import.objects.over().exclude(csv="", photos=""):
        delete_files(sent)
        change(sent, csv="", photos="")
    Import.objects.over().filter(created_at__lt=now - KEPT).delete()
    sweep(now - KEPT_ALONE)


def sweep(before: datetime) -> None:
    """Delete the files stored before this time that belong to no import."""
    storage = private_storage()
    for name in unnamed_files():
        with suppress(FileNotFoundError):  # an upload has ended meanwhile and renamed the file
            if storage.get_modified_time(name) < before:
                storage.delete(name)


def unnamed_files() -> Iterator[str]:
    """The files that belong to no import, or to one whose row is not committed yet."""
    storage = private_storage()
    if not storage.base_location.is_dir():
        return
    files = storage.listdir("")[1]
    held = {name for names in Import.objects.values_list("csv", "photos") for name in names}
    yield from (name for name in files if name not in held)


def delete_files(sent: Import) -> None:
    for file in (sent.csv, sent.photos):
        if file:
            file.storage.delete(str(file))
