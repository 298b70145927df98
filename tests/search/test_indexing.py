import os
import threading
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from catalog import storage_deadline
from catalog.models import Photo
from catalog.storage import READS
from search import claiming, indexing, photo_opening, photo_states
from search.models import RETRY_AFTER, Embedding, Rejection, Space
from tests.bombs import AVIF_THAT_LIES
from tests.grid_space import GridEncoder
from tests.installation import wait_for

pytestmark = pytest.mark.django_db


def filed(space: Space) -> list[tuple[int, int]]:
    """(photo, category) of every embedding."""
    rows = Embedding.objects.filter(space_id=space.pk)
    return sorted(rows.values_list("photo_id", "category_id"))


def test_a_new_photo_is_pending_until_it_is_indexed(space, photo):
    lamp = photo("yellow", "lamp")
    assert list(photo_states.pending(space)) == [lamp]
    assert indexing.index_batch(space) == 1
    assert list(photo_states.pending(space)) == []
    assert filed(space) == [(lamp.pk, lamp.product.category_id)]


def test_indexing_again_changes_nothing(space, photo, index):
    photo("yellow")
    assert (index(), index()) == (1, 0)
    assert len(filed(space)) == 1


def test_a_batch_settles_no_more_than_asked(space, photo):
    for colour in ("red", "green", "blue"):
        photo(colour)
    assert [indexing.index_batch(space, 2), indexing.index_batch(space, 2)] == [2, 1]


def test_the_stored_vector_is_the_photos_own_and_of_unit_length(space, photo, index):
    photo("red")
    index()
    vector = np.asarray(Embedding.objects.get().vector)
    assert vector.shape == (48,)
    assert float((vector**2).sum()) == pytest.approx(1, abs=1e-3)
    assert vector[0] > 100 * vector[1]  # Red, hardly any green.


def test_a_moved_product_is_filed_under_its_new_category_without_encoding_again(space, photo, category, index):
    lamp = photo("red", "lamp")
    index()
    before = Embedding.objects.get().vector
    lamp.file.delete(save=False)  # Encoding again would now end in a rejection.
    lamp.product.category = category("table")
    lamp.product.save()
    assert index() == 1
    assert filed(space) == [(lamp.pk, lamp.product.category_id)]
    assert Embedding.objects.get().vector == before


def test_a_deleted_photo_leaves_no_embedding(space, photo, index):
    lamp = photo("red")
    index()
    lamp.delete()
    assert filed(space) == []


def test_a_deleted_product_leaves_no_embedding(space, photo, index):
    lamp = photo("red")
    index()
    lamp.product.delete()
    assert filed(space) == []


def test_a_corrupt_file_is_rejected_with_the_reason_and_the_others_go_in(space, photo, media, index):
    bad, good = photo("red"), photo("blue")
    (media / bad.file.name).write_bytes(b"\xff\xd8\xff no photo")
    assert index() == 2
    assert filed(space) == [(good.pk, good.product.category_id)]
    assert Rejection.objects.get().photo == bad
    assert "damaged" in Rejection.objects.get().reason
    assert list(photo_states.pending(space)) == []


def test_a_file_that_became_a_bomb_is_rejected_for_good(space, photo, media, index):
    bad, good = photo("red"), photo("blue")
    (media / bad.file.name).write_bytes(AVIF_THAT_LIES)
    assert index() == 2
    assert filed(space) == [(good.pk, good.product.category_id)]
    rejection = Rejection.objects.get()
    assert (rejection.photo, rejection.retry_at) == (bad, None)
    assert list(photo_states.pending(space)) == []


def test_photos_that_no_decoder_was_free_for_are_tried_again(space, photo, index, request):
    photo("red")
    request.getfixturevalue("busy_decoders")
    assert index() == 1
    rejection = Rejection.objects.get()
    assert rejection.reason == "Too many photos are being read at the moment. Try again in a few seconds."
    assert rejection.retry_at is not None


def test_a_batch_without_a_readable_photo_is_not_encoded(space, photo, media, index, monkeypatch):
    bad = photo("red")
    (media / bad.file.name).write_bytes(b"no photo")
    monkeypatch.setattr(GridEncoder, "encode", lambda *images: pytest.fail("encoded"))
    assert index() == 1
    assert Rejection.objects.get().photo == bad


def test_a_missing_file_is_rejected_and_retried_once_the_rejection_is_gone(space, photo, media, index):
    lamp = photo("red")
    path = media / lamp.file.name
    kept = path.read_bytes()
    path.unlink()
    assert index() == 1
    rejection = Rejection.objects.get()
    assert rejection.reason == "The file is missing from the photo storage. Upload the photo again."
    assert rejection.retry_at is None
    path.write_bytes(kept)
    Rejection.objects.all().delete()
    assert index() == 1
    assert filed(space) == [(lamp.pk, lamp.product.category_id)]


def test_a_storage_that_does_not_answer_holds_up_no_other_photo_and_is_asked_again_later(space, photo, media, index):
    lost, good = photo("red"), photo("blue")
    path = media / lost.file.name
    kept = path.read_bytes()
    path.unlink()
    path.mkdir()  # Opening it fails with an OSError that is neither a missing nor a bad file.
    assert index() == 2
    assert filed(space) == [(good.pk, good.product.category_id)]
    rejection = Rejection.objects.get()
    assert rejection.reason == "The photo storage did not answer: Is a directory."
    assert rejection.retry_at is not None
    assert rejection.retry_at > timezone.now() + RETRY_AFTER - timedelta(minutes=1)
    path.rmdir()
    path.write_bytes(kept)
    assert index() == 0
    Rejection.objects.update(retry_at=timezone.now())
    assert index() == 1
    assert Rejection.objects.count() == 0
    assert len(filed(space)) == 2


def test_each_space_is_pending_for_itself(space, photo, index):
    photo("red")
    index()
    other = Space.objects.create(name="other", recipe={"weights": "random"}, dimensions=48)
    assert photo_states.pending(other).count() == 1


@pytest.fixture
def hanging(photo, media, monkeypatch):
    """Makes photos whose files do not open until the test ends: pipes that nobody writes into."""
    monkeypatch.setattr(storage_deadline, "PATIENCE", 0.3)
    pipes: list[Path] = []

    def make(colour: str) -> Photo:
        row = photo(colour)
        pipes.append(media / row.file.name)
        pipes[-1].unlink()
        os.mkfifo(pipes[-1])
        return row

    yield make
    for pipe in pipes:
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
    wait_for(lambda: not READS.hangs(), "the storage")


def test_files_that_hang_for_good_hold_up_no_other_photo(space, photo, hanging):
    good, *_ = photo("blue"), *map(hanging, ("red", "yellow", "lime"))
    assert indexing.index_batch(space) == 4
    assert {rejection.reason for rejection in Rejection.objects.all()} == {"The photo storage does not answer."}
    new = photo("white")
    assert indexing.index_batch(space) == 1
    assert [row for row, _ in filed(space)] == [good.pk, new.pk]


def test_while_the_whole_storage_hangs_photos_that_it_gave_are_indexed_and_the_others_wait(
    space, photo, hanging, media, monkeypatch
):
    good, lost, waiting = photo("blue"), photo("lime"), hanging("red")
    (media / lost.file.name).unlink()
    answers = threading.Event()
    monkeypatch.setattr(READS, "probe", lambda: answers.wait(30))
    assert indexing.index_batch(space) == 2
    assert filed(space) == [(good.pk, good.product.category_id)]
    assert Rejection.objects.get().photo == lost
    assert list(photo_states.pending(space)) == [waiting]
    assert indexing.index_batch(space) == 0
    answers.set()
    path = media / waiting.file.name
    path.write_bytes((media / good.file.name).read_bytes())
    wait_for(lambda: indexing.index_batch(space) == 1, "the photo that was read late")


def test_a_rejection_that_passes_holds_whatever_the_clock_of_the_worker_says(space, photo, media, index, monkeypatch):
    lost = media / photo("red").file.name
    lost.unlink()
    lost.mkdir()
    ahead = timezone.now() + timedelta(seconds=5)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    assert [index(), index()] == [1, 0]


def test_a_failing_encoder_loses_nothing(space, photo, monkeypatch):
    photo("red")
    with monkeypatch.context() as patch:
        patch.setattr("search.encoders.encoder_for", lambda space: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            indexing.index_batch(space)
    assert photo_states.pending(space).count() == 1
    assert indexing.index_batch(space) == 1


def test_photos_are_opened_in_threads_while_the_encoder_works_and_never_far_ahead(space, photo, monkeypatch):
    shop = [photo((8 * n, 100, 50)) for n in range(20)]
    monkeypatch.setattr(photo_opening, "AHEAD", 4)
    opened: list[str] = []

    def are_open(count):
        return len(opened) == count

    class Watching(GridEncoder):
        def open(self, source, region=None):
            opened.append(threading.current_thread().name)
            return super().open(source, region)

        def encode(self, images):
            return super().encode(self.slowly(images))

        def slowly(self, images):
            for taken, image in enumerate(images, start=1):
                wait_for(partial(are_open, min(len(shop), taken + 4)), "the photos ahead", 10)
                yield image

    monkeypatch.setattr("search.encoders.encoder_for", lambda space: Watching())
    assert indexing.index_batch(space) == len(shop)
    assert {name.partition("_")[0] for name in opened} == {"open"}
    reds = [stored.vector[0] for stored in Embedding.objects.order_by("photo_id")]
    assert reds == sorted(set(reds))


def test_an_encoder_that_fails_in_the_middle_leaves_no_thread_and_no_photo_behind(space, photo, monkeypatch):
    for n in range(20):
        photo((8 * n, 0, 0))
    indexing.index_batch(space)  # From now on the threads that open photos are there.
    indexing.forget(list(Photo.objects.values_list("pk", flat=True)))
    threads = threading.active_count()

    def failing(self, images):
        next(images)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(GridEncoder, "encode", failing)
        with pytest.raises(KeyboardInterrupt):
            indexing.index_batch(space)
    deadline = time.monotonic() + 10  # Photos that were being opened are opened.
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= threads
    assert photo_states.pending(space).count() == 20
    assert indexing.index_batch(space) == 20


def test_photos_behind_the_last_batch_come_first_and_those_before_it_right_after(space, photo):
    early = photo("red")
    indexing.index_batch(space)
    Embedding.objects.all().delete()
    late = photo("blue")
    assert indexing.index_batch(space) == 1
    assert filed(space) == [(late.pk, late.product.category_id)]
    assert indexing.index_batch(space) == 1
    assert list(photo_states.pending(space)) == []
    assert early.pk in dict(filed(space))


def test_photos_before_the_last_batch_do_not_wait_for_an_endless_stream(space, photo, monkeypatch):
    early = photo("red")
    indexing.index_batch(space)
    Embedding.objects.all().delete()
    photo("blue")
    monkeypatch.setattr("time.monotonic", lambda now=time.monotonic: now() + claiming.FRESH)
    assert indexing.index_batch(space, 1) == 1
    assert filed(space) == [(early.pk, early.product.category_id)]


@pytest.mark.django_db(transaction=True)
def test_photos_that_another_worker_holds_are_passed_over(space, photo):
    held, free = photo("red"), photo("blue")
    import psycopg

    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        other.execute("SELECT 1 FROM catalog_photo WHERE id = %s FOR NO KEY UPDATE", [held.pk])
        assert indexing.index_batch(space) == 1
        assert filed(space) == [(free.pk, free.product.category_id)]
        other.rollback()
    assert indexing.index_batch(space) == 1
