"""Which products the model is to be asked about, and what became of it."""

from datetime import datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from catalog.models import Photo, Product
from catalog.storage import StoredPhotoError
from descriptions.caption_leases import (
    LEASE,
    ask_again,
    forget_captions_without_photos,
    keep,
    pending,
    put_off,
    take,
)
from descriptions.models import MOST_ATTEMPTS, Caption
from descriptions.vision_model import Away, Unanswered, Usage, Useless, VisionModel, Written, WrongSetUp
from search import text_indexing, worker_bell
from tests.text_index import installed_encoder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rings")]
MODEL = VisionModel("http://unused.example/v1", "small-vision")
MAKER = MODEL.fingerprint
WRITTEN = Written("A red lamp of painted steel.", Usage(900, 40))


@pytest.fixture
def lamp(photo) -> Product:
    return photo("red", "lamp", sku="LAMP").product


def asked(maker: str = MAKER) -> list[str]:
    return sorted(pending(maker).values_list("sku", flat=True))


def made(product: Product, model: VisionModel = MODEL, written: Written = WRITTEN) -> None:
    [lease] = take(model.fingerprint, 10)
    assert lease.product == product
    keep(lease, model, written)


def later(**age: float) -> None:
    """Let time pass for all that waits."""
    Caption.objects.update(retry_at=F("retry_at") - timedelta(**age))


def minutes(row: Caption, now: datetime) -> int:
    """How long the photo waits."""
    assert row.retry_at
    return round((row.retry_at - now).total_seconds() / 60)


def test_a_product_with_a_photo_is_pending_until_it_has_a_caption(lamp, product):
    product(sku="BARE")
    assert asked() == ["LAMP"]
    made(lamp)
    assert asked() == []
    lamp.refresh_from_db()
    assert (lamp.caption, lamp.caption_source) == ("A red lamp of painted steel.", "small-vision")


def test_a_caption_leaves_the_time_of_the_last_change_alone(lamp):
    before = lamp.updated_at
    made(lamp)
    lamp.refresh_from_db()
    assert lamp.updated_at == before


@pytest.mark.parametrize("other", [{"name": "larger"}, {"prompt": "What?"}, {"language": "German"}])
def test_another_model_or_prompt_is_asked_anew_and_the_old_caption_stays_until_then(lamp, other):
    made(lamp)
    model = VisionModel(**{"url": MODEL.url, "name": MODEL.name, **other})
    assert asked(model.fingerprint) == ["LAMP"]
    [lease] = take(model.fingerprint, 1)
    lamp.refresh_from_db()
    assert lamp.caption == "A red lamp of painted steel."
    keep(lease, model, Written("Another text.", Usage()))
    lamp.refresh_from_db()
    assert (lamp.caption, asked(model.fingerprint)) == ("Another text.", [])


def test_another_first_photo_is_asked_about(lamp, photo):
    made(lamp)
    second = photo("blue", of=lamp)
    assert asked() == []
    Photo.objects.filter(pk=second.pk).update(position=0)
    Photo.objects.exclude(pk=second.pk).update(position=1)
    assert asked() == ["LAMP"]
    [lease] = take(MAKER, 1)
    assert lease.photo == second


def test_a_caption_goes_with_the_last_photo(lamp, rings, django_capture_on_commit_callbacks):
    made(lamp)
    assert forget_captions_without_photos() == 0
    lamp.photos.all().delete()
    rings.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert forget_captions_without_photos() == 1
    lamp.refresh_from_db()
    assert (lamp.caption, lamp.caption_source, rings) == ("", "", [worker_bell.INDEX])
    assert forget_captions_without_photos() == 0


def test_what_is_leased_is_taken_by_nobody_else_until_the_lease_is_over(lamp):
    [lease] = take(MAKER, 10)
    assert take(MAKER, 10) == []
    later(seconds=LEASE.total_seconds() - 5)
    assert take(MAKER, 10) == []
    later(seconds=10)
    [again] = take(MAKER, 10)
    assert (again.product, again.until > lease.until) == (lamp, True)


def test_who_comes_back_after_the_lease_writes_nothing_and_the_request_counts(lamp):
    [late] = take(MAKER, 1)
    later(hours=1)
    [other] = take(MAKER, 1)
    keep(late, MODEL, Written("Too late.", Usage(5, 6)))
    assert put_off(late, Useless("Too late.")) is False
    lamp.refresh_from_db()
    assert lamp.caption == ""
    keep(other, MODEL, WRITTEN)
    row = Caption.objects.get()
    assert (row.requests, row.failures, row.prompt_tokens, row.completion_tokens) == (3, 1, 905, 46)
    assert (row.attempts, row.waits, row.reason) == (0, 0, "")


def test_no_more_are_taken_than_asked_for_in_the_order_of_their_ids(photo):
    for number in range(3):
        photo("red", sku=f"P-{number}")
    assert [lease.product.sku for lease in take(MAKER, 2)] == ["P-0", "P-1"]
    assert [lease.product.sku for lease in take(MAKER, 2)] == ["P-2"]


@pytest.mark.django_db(transaction=True)
def test_a_product_that_somebody_changes_is_passed_over(lamp, photo, other):
    free = photo("blue", sku="FREE").product
    with other.transaction():
        other.execute("SELECT 1 FROM catalog_product WHERE id = %s FOR NO KEY UPDATE", [lamp.pk])
        assert [lease.product for lease in take(MAKER, 5)] == [free]


@pytest.mark.django_db(transaction=True)
def test_a_product_that_is_being_deleted_is_passed_over(lamp, other):
    [lease] = take(MAKER, 1)
    put_off(lease, WrongSetUp("No."))
    with other.transaction():
        other.execute("DELETE FROM descriptions_caption WHERE product_id = %s", [lamp.pk])
        assert take(MAKER, 1) == []


def test_a_failure_of_the_photo_s_own_is_tried_again_later_and_given_up_in_the_end(lamp):
    waits = []
    for attempt in range(1, MOST_ATTEMPTS + 1):
        [lease] = take(MAKER, 1)
        now = timezone.now()
        assert put_off(lease, Useless("No word.", Usage(10, 1))) is (attempt == MOST_ATTEMPTS)
        row = Caption.objects.get()
        waits.append(minutes(row, now))
        assert asked() == []
        later(days=2)
    assert waits == [1, 2, 4, 8, 16]
    assert asked() == []
    assert (row.reason, row.attempts, row.requests, row.failures, row.prompt_tokens) == ("No word.", 5, 5, 5, 50)
    assert list(Caption.objects.given_up()) == [row]


def test_a_failure_that_may_pass_waits_longer_each_time_and_is_never_given_up(lamp):
    waits = []
    for _ in range(14):
        [lease] = take(MAKER, 1)
        now = timezone.now()
        assert put_off(lease, Unanswered("Too slow.")) is False
        waits.append(minutes(Caption.objects.get(), now))
        later(days=2)
    assert waits[:5] + waits[-2:] == [1, 2, 4, 8, 16, 1440, 1440]
    assert asked() == ["LAMP"]


@pytest.mark.parametrize(
    ("failure", "row"),
    [
        (Away("Busy."), {"waits": 1, "attempts": 0, "reason": "Busy.", "requests": 1}),
        (WrongSetUp("No key."), {"waits": 0, "attempts": 0, "reason": "", "requests": 1}),
        (StoredPhotoError("Missing."), {"waits": 0, "attempts": 1, "reason": "Missing.", "requests": 0}),
        (StoredPhotoError("Slow.", True), {"waits": 1, "attempts": 0, "reason": "Slow.", "requests": 0}),
    ],
)
def test_a_failure_counts_where_it_belongs(lamp, failure, row):
    [lease] = take(MAKER, 1)
    put_off(lease, failure)
    assert Caption.objects.values(*row).get() == row
    assert asked() == (["LAMP"] if isinstance(failure, WrongSetUp) else [])


def test_failures_of_another_photo_or_model_do_not_count(lamp):
    for _ in range(MOST_ATTEMPTS):
        [lease] = take(MAKER, 1)
        put_off(lease, Useless("No word."))
        later(days=2)
    assert asked() == []
    [lease] = take("another", 1)
    assert put_off(lease, Useless("No word.")) is False
    assert Caption.objects.get().attempts == 1


def test_what_was_given_up_or_made_can_be_asked_again(lamp, photo, rings, django_capture_on_commit_callbacks):
    made(lamp)
    with django_capture_on_commit_callbacks(execute=True):
        assert ask_again([lamp]) == 1
    assert (asked(), rings[-1]) == (["LAMP"], "descriptions.tasks.caption_pending")
    lamp.refresh_from_db()
    assert lamp.caption == "A red lamp of painted steel."
    assert Caption.objects.get().requests == 1


def test_a_product_takes_its_row_with_it(lamp):
    made(lamp)
    lamp.delete()
    assert Caption.objects.count() == 0


def test_a_photo_that_is_deleted_meanwhile_is_no_error(lamp, photo):
    [lease] = take(MAKER, 1)
    second = photo("blue", of=lamp)
    lease.photo.delete()
    keep(lease, MODEL, WRITTEN)
    [again] = take(MAKER, 1)
    assert again.photo == second


def test_a_product_that_is_deleted_meanwhile_is_no_error(lamp):
    [lease] = take(MAKER, 1)
    Product.objects.all().delete()
    keep(lease, MODEL, WRITTEN)
    assert put_off(lease, Useless("No word.")) is False


def test_a_caption_s_words_are_found_and_weigh_least(lamp, product):
    product(name="Steel shelf", sku="SHELF")
    made(lamp)
    assert [found.sku for found in Product.objects.search("steel")] == ["SHELF", "LAMP"]
    assert [found.sku for found in Product.objects.search("painted")] == ["LAMP"]


def test_a_caption_has_the_texts_encoded_anew(lamp, rings, django_capture_on_commit_callbacks):
    encoder = installed_encoder()
    text_indexing.index_batch(encoder)
    before = lamp.text_digest
    with django_capture_on_commit_callbacks(execute=True):
        made(lamp)
    lamp.refresh_from_db()
    assert (lamp.text_digest != before, rings) == (True, [worker_bell.INDEX])
    assert list(text_indexing.pending(encoder)) == [lamp]


def test_the_source_is_as_long_as_the_column(lamp):
    made(lamp, VisionModel(MODEL.url, "x" * 300))
    lamp.refresh_from_db()
    assert lamp.caption_source == "x" * 200
