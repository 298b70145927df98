"""What a worker does with what staff send: check it, run it, go on where another stopped."""

import errno
import os
import stat
from datetime import timedelta
from math import ceil

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError
from django.utils import timezone

from catalog.importing import albums, jobs, recognition
from catalog.importing.importer import BATCH, Importer
from catalog.importing.rows import ProductRow
from catalog.models import Category, Import, Photo, Product
from catalog.storage import PhotoStorage
from tests.catalog.importing.feeds.test_feeds import EXPORTS
from tests.conftest import picture
from tests.zips import zipped

pytestmark = pytest.mark.django_db

HEADER = "sku,name,category,image,price\n"
A_BATCH = 0  # Seconds: the turn is over as soon as one batch is settled.


@pytest.fixture(autouse=True)
def root(settings, tmp_path):
    settings.IMPORTS_ROOT = tmp_path / "imports"
    return settings.IMPORTS_ROOT


@pytest.fixture
def send(db):
    """An import of these lines, with a ZIP of these photos."""

    def make(lines=None, photos=None):
        sent = Import(csv_name="catalog.csv" if lines is not None else "", photos_name="photos.zip" if photos else "")
        if lines is not None:
            sent.csv.save(
                "catalog.csv", ContentFile((HEADER + "\n".join(lines)).encode(errors="surrogatepass")), save=False
            )
        if photos:
            sent.photos.save("photos.zip", ContentFile(zipped(photos)), save=False)
        sent.save()
        return sent

    return make


def work(sent, seconds=60):
    jobs.work(seconds)
    sent.refresh_from_db()
    return sent.state


def counts(sent):
    return [sent.added, sent.updated, sent.unchanged, sent.refused]


def told(sent):
    return list(sent.rows.order_by("number").values_list("place", "sku", "outcome", "photos_added", "text"))


def run(sent):
    """Have it checked, confirmed and run."""
    assert work(sent) == "checked"
    assert jobs.start(sent)
    return work(sent)


def test_a_check_tells_what_would_be_and_writes_nothing(send, product, root, media):
    product("chair", sku="CH-1", name="Oak", price=5)
    sent = send(
        ["CH-1,Oak,Chair,red.png,4.5", "CH-2,Pine,Stool,,", "CH-3,,Chair,,", "CH-4,X,Chair,blue.png,"], RED_ALONE
    )
    assert work(sent) == "checked"
    assert told(sent) == [
        ("2", "CH-1", "updated", 1, "price: 5.00 → 4.5"),
        ("3", "CH-2", "added", 0, "Pine, Stool"),
        ("4", "CH-3", "refused", 0, "no name"),
        ("5", "CH-4", "refused", 0, "image blue.png: no such file in photos.zip"),
    ]
    assert (counts(sent), sent.total, sent.done, sent.photos_added) == ([1, 1, 0, 2], 4, 4, 1)
    assert (Product.objects.count(), Category.objects.count(), Photo.objects.count()) == (1, 1, 0)
    assert len(list(root.iterdir())) == 2
    assert not media.exists()
    assert work(sent) == "checked"


RED_ALONE = {"red.png": picture("red")}


def test_what_was_confirmed_is_imported_and_its_files_are_gone(send, root):
    sent = send(["CH-1,Oak,Chair,red.png,4.5", "CH-2,,Chair,,"], RED_ALONE)
    assert run(sent) == "done"
    assert (counts(sent), sent.photos_added) == ([1, 0, 0, 1], 1)
    assert [row[:3] for row in told(sent)] == [("2", "CH-1", "added"), ("3", "CH-2", "refused")]
    assert Photo.objects.get().product.sku == "CH-1"
    assert (sent.csv.name, sent.photos.name, list(root.iterdir())) == ("", "", [])


def test_a_zip_of_folders_is_imported(send):
    sent = send(photos={"chair/oak.png": picture("red"), "lamp/low.png": picture("blue"), "notes.txt": b"x"})
    assert run(sent) == "done"
    assert (sent.unit, sent.note) == ("file", "Left alone in photos.zip: 1 file other than photos: notes.txt.")
    assert set(Product.objects.values_list("sku", "category__name")) == {("chair-oak", "chair"), ("lamp-low", "lamp")}


def test_a_row_with_what_no_database_stores_is_refused_and_told(send):
    sent = send(["CH\0-1,Oak,Chair,,", "CH\0-4,Oak", "CH-2\ud800,Oak,Chair,,", "CH-3,Oak,Chair,,"])
    assert work(sent) == "checked"
    reason = "it has a NUL or is not in UTF-8; save the file as “CSV UTF-8”"
    assert [row[1:5:3] for row in told(sent)] == [
        ("CH\ufffd-1", reason),
        ("CH\ufffd-4", "it has 2 cells, the header has 5"),
        ("CH-2\ufffd\ufffd\ufffd", reason),
        ("CH-3", "Oak, Chair"),
    ]


def test_a_csv_file_alone_cannot_name_photos(send):
    sent = send(["CH-1,Oak,Chair,red.png,", "CH-2,Oak,Chair,,"])
    assert work(sent) == "checked"
    [refused] = [row for row in told(sent) if row[2] == "refused"]
    assert refused[4] == "image red.png: no photos were sent; send them as a ZIP with the CSV, or empty the cell"


def test_what_cannot_be_imported_as_a_whole_fails_and_says_why(send, monkeypatch):
    monkeypatch.setattr(recognition, "MAX_ROWS", 1)
    sent = send(["CH-1,Oak,Chair,,", "CH-2,Oak,Chair,,"])
    assert work(sent) == "failed"
    assert sent.reason == "catalog.csv has more than 1 rows: split it."


@pytest.fixture
def long(send):
    """Four batches. The last line has the first line's sku with other data, the one before a refused line's sku."""
    lines = [f"CH-{number},Oak,Chair,red.png,1" for number in range(3 * BATCH + 2)]
    lines[1] = "CH-1,,Chair,,1"
    return send([*lines, "CH-1,Oak,Chair,,1", "CH-0,Pine,Chair,,2"], RED_ALONE)


def test_another_worker_goes_on_where_one_stopped(long):
    for states in (["checking", "checking", "checking", "checked"], ["running", "running", "running", "done"]):
        assert [work(long, A_BATCH) for _ in states] == states
        assert counts(long) == [3 * BATCH + 2, 0, 0, 2]
        assert long.rows.get(number=3 * BATCH + 3).text == "sku CH-0 was met before, at 2, with other data"
        jobs.start(long)
    assert (Product.objects.count(), Photo.objects.count()) == (3 * BATCH + 2, 3 * BATCH + 1)
    assert Product.objects.get(sku="CH-0").name == "Oak"


@pytest.mark.parametrize("name", EXPORTS)
def test_so_it_does_in_the_middle_of_a_feed_or_an_export(db, name):
    """A batch may end between the variants of one product."""
    make, _, products, _ = EXPORTS[name]
    sent, export = Import(csv_name=name), make()
    sent.csv.save(name, ContentFile(export if isinstance(export, bytes) else export.encode()), save=False)
    sent.save()
    turns = ceil(products / BATCH)  # Two or more.
    assert [work(sent, A_BATCH) for _ in range(turns)] == ["checking"] * (turns - 1) + ["checked"]
    jobs.start(sent)
    assert [work(sent, A_BATCH) for _ in range(turns)] == ["running"] * (turns - 1) + ["done"]
    assert counts(sent) == [products, 0, 0, 0]
    assert Product.objects.count() == products


def test_a_batch_that_another_worker_settled_is_not_settled_again(long):
    assert run(long) == "done"
    Import.objects.update(state="running", done=BATCH)
    stale = Import.objects.get()
    Import.objects.update(done=2 * BATCH)
    jobs.go_on(stale, 0)
    assert Import.objects.get().done == 2 * BATCH


def test_an_import_cancelled_between_batches_stops_and_what_went_in_stays(long, root):
    work(long)
    jobs.start(long)
    assert work(long, A_BATCH) == "running"
    stale = Import.objects.get()
    assert jobs.cancel(long)
    jobs.go_on(stale, 0)
    assert work(long) == "cancelled"
    assert (long.done, Product.objects.count()) == (BATCH, BATCH - 1)
    assert list(root.iterdir()) == []
    assert not jobs.start(long)
    assert not jobs.cancel(long)


def test_an_import_that_kills_its_workers_is_given_up(long):
    for _ in range(jobs.MAX_ATTEMPTS):
        assert jobs.take_up() is not None  # The worker dies here.
    assert work(long) == "failed"
    assert long.reason.startswith("It stopped 5 times after row 0. The worker's log says why.")


def test_a_worker_that_settles_rows_has_not_died_of_them(long):
    for _ in range(jobs.MAX_ATTEMPTS - 1):
        jobs.take_up()
    work(long, A_BATCH)
    assert (long.done, long.attempts) == (BATCH, 0)


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


def deadlock(*_, **__):
    raise OperationalError("deadlock detected\nDETAIL:  Process 1 waits.")


@pytest.mark.parametrize(
    ("of", "name", "fault", "why"),
    [
        (PhotoStorage, "_store", no_space, "The disk for photos is full. Nothing was stored"),
        (Importer, "settle_row", deadlock, "deadlock detected DETAIL: Process 1 waits"),
        (albums.BoundedFile, "__init__", no_space, "photos.zip cannot be read: No space left on device"),
    ],
)
def test_an_outage_ends_turns_and_not_the_import(send, monkeypatch, of, name, fault, why):
    sent = send(["CH-1,Oak,Chair,red.png,4.5"], RED_ALONE)
    work(sent)
    jobs.start(sent)
    with monkeypatch.context() as patched:
        patched.setattr(of, name, fault)
        for _ in range(jobs.MAX_ATTEMPTS + 1):
            assert work(sent) == "running"
            assert (sent.attempts, sent.done, Product.objects.count()) == (0, 0, 0)
            assert sent.reason == f"It is held up: {why}. It tries again by itself."
    assert work(sent) == "done"
    assert (sent.reason, Photo.objects.count()) == ("", 1)


def test_an_import_cancelled_in_an_outage_does_not_say_that_it_tries_again(send, monkeypatch):
    sent = send(["CH-1,Oak,Chair,,4.5"])
    monkeypatch.setattr(Importer, "settle_row", deadlock)
    work(sent)
    jobs.cancel(sent)
    assert (work(sent), sent.reason) == ("cancelled", "")


def test_a_check_in_several_turns_knows_stored_categories_by_their_names(send):
    Category.objects.create(slug="chair", name="Chair!")
    sent = send(["CH-0,Oak,chair,,", *(f"CH-{number},Oak,Chair!,," for number in range(1, BATCH + 1))])
    assert [work(sent, A_BATCH) for _ in range(2)] == ["checking", "checked"]
    assert counts(sent) == [BATCH + 1, 0, 0, 0]


def test_what_stops_a_batch_leaves_nothing_of_it(long, monkeypatch):
    work(long)
    jobs.start(long)
    settle_row = Importer.settle_row

    def broken(importer, row: ProductRow, *rest):
        if row.sku == "CH-9":
            raise MemoryError
        return settle_row(importer, row, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Importer, "settle_row", broken)
        with pytest.raises(MemoryError):
            jobs.work(60)
    assert Product.objects.count() == 0
    assert work(long) == "done"
    assert counts(long) == [3 * BATCH + 2, 0, 0, 2]


def test_imports_take_turns(send):
    lines = [f"CH-{number},Oak,Chair,,1" for number in range(2 * BATCH)]
    first, second = send(lines), send(lines)
    assert [work(first, A_BATCH), work(second, A_BATCH)] == ["checking", "checking"]
    first.refresh_from_db()
    assert (first.done, second.done) == (BATCH, BATCH)


def test_of_rows_that_go_in_the_first_are_kept_and_of_refused_ones_all(send, monkeypatch):
    monkeypatch.setattr(jobs, "SHOWN_ROWS", 2)
    sent = send([f"CH-{number},{'' if number % 2 else 'Oak'},Chair,,1" for number in range(2 * BATCH)])
    work(sent)
    kept = [row[0] for row in told(sent) if row[2] == "added"]
    assert (kept, sent.rows.filter(outcome="refused").count(), sent.added) == (["2", "4"], BATCH, BATCH)


def test_files_are_private_and_go_with_their_import(send, root, settings, django_capture_on_commit_callbacks):
    sent = send(["CH-1,Oak,Chair,,"])
    [file] = root.iterdir()
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(root.stat().st_mode)) == (0o600, 0o700)
    assert not root.is_relative_to(settings.MEDIA_ROOT)
    with pytest.raises(ValueError, match="not accessible via a URL"):
        _ = sent.csv.url
    with django_capture_on_commit_callbacks(execute=True):
        sent.delete()
    assert list(root.iterdir()) == []


def test_what_nobody_confirms_is_cancelled_and_old_imports_are_forgotten(send, root):
    sent = send(["CH-1,Oak,Chair,,"])
    work(sent)
    Import.objects.update(created_at=timezone.now() - jobs.KEPT_UNCONFIRMED - timedelta(minutes=1))
    assert work(sent) == "cancelled"
    assert (sent.reason, list(root.iterdir())) == ("Nobody confirmed it in time.", [])
    Import.objects.update(created_at=timezone.now() - jobs.KEPT - timedelta(minutes=1))
    jobs.tidy()
    assert not Import.objects.exists()


def test_a_file_that_no_import_has_is_deleted_after_a_day(send, root):
    sent = send(["CH-1,Oak,Chair,,"])
    for name in ("young", "old"):
        (root / name).touch()
    day_ago = timezone.now().timestamp() - jobs.KEPT_ALONE.total_seconds() - 60
    for name in ("old", sent.csv.name):
        os.utime(root / name, (day_ago, day_ago))
    jobs.tidy()
    assert {path.name for path in root.iterdir()} == {"young", sent.csv.name}
