"""What the workers do. A message is a bell: it carries no data, and losing or repeating one harms nothing."""

import time
from collections import Counter
from typing import Any

from cachetools import TTLCache, cached
from celery import current_app, shared_task
from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone
from psycopg_pool import PoolTimeout

from catalog import attribute_types, product_numbers, vocabulary
from catalog.feeds import runs
from catalog.importing import jobs
from catalog.models import VocabularyWord
from catalog.photo_addresses.turn import Turn
from ml.recipes import WeightsError
from search import (
    detector_training,
    head_training,
    indexing,
    maintenance,
    photo_states,
    spaces,
    text_encoders,
    text_indexing,
    worker_bell,
    worker_stop,
)
from search.log import days, queries
from search.models import Space
from search.store import partitions

logger = get_task_logger(__name__)
# Seconds that one task goes on taking batches: Ctrl-C and a deployment wait for its end.
TURN = 10
# Asking is done by threads. At the end of a turn the slowest servers are waited for, for half a minute.
FETCHING_TURN = 300
FEEDS_SEEN = 5  # Seconds from one look for due feeds to the next, while photos are fetched.
FETCHING = "fetching"  # The queue of what waits for others' servers.
MAINTENANCE = "maintenance"  # The queue of what takes minutes.
MAINTAINED = 600  # Seconds until beat rings for maintenance again.
TEXTS_FOR = 2  # Seconds that a photo for the live space waits for texts.
DAY = 86_400  # Seconds: an index over millions of photos takes hours.
# What beat rings for seldom, and staff once, is tried again for as long as the database is away or full.
OUTAGES = (OperationalError, InterfaceError, PoolTimeout)
AGAIN = 20  # Seconds.
UNTIL_DONE: dict[str, Any] = {"autoretry_for": OUTAGES, "default_retry_delay": AGAIN, "max_retries": None}
# An index for which the disk has no room is built for minutes before that is known, so it is tried for a fifth of the
# time.
RESTS = 4


@shared_task
def index_pending() -> None:
    """Index what is pending. When nothing is left, have the heads trained that are due."""
    worker_bell.silence()
    begun = time.monotonic()
    settled: Counter[Space] = Counter()
    texts = 0
    done: set[int] = set()
    while time.monotonic() < begun + TURN:
        # The live space comes first: another one is built, and trained, only while nothing is pending there.
        for space in Space.objects.indexed_into():
            if count := _take_batch(space):
                settled[space] += count
                break
            if space.state == Space.State.LIVE and (count := _take_texts()):
                texts += count
                break
            if space.pk not in done and head_training.is_due(space):
                train_head.apply_async(expires=worker_bell.TIMEOUT)
            elif space.pk not in done and space.state == Space.State.LIVE and detector_training.is_due(space):
                train_detector.apply_async(expires=worker_bell.TIMEOUT)
            done.add(space.pk)
        else:
            _log(settled, texts, time.monotonic() - begun)
            if texts and not VocabularyWord.objects.exists():
                learn_words.apply_async(expires=worker_bell.TIMEOUT)
            return
    _log(settled, texts, time.monotonic() - begun)
    worker_bell.ring()


def _take_batch(space: Space) -> int:
    building = space.state == Space.State.BUILDING
    try:
        if building:
            return indexing.index_gently(space, indexing.BUILDING_BATCH, settings.BUILD_SHARE)
        return indexing.index_batch(space)
    except WeightsError:
        if not building:
            raise
        logger.exception("%s cannot be built", space)  # The live space gets its head all the same.
        return 0


def _take_texts() -> int:
    """Index texts for TEXTS_FOR seconds at most. Looking for photos after each batch would take a third of the time."""
    begun, count = time.monotonic(), 0
    try:
        encoder = text_encoders.text_encoder()
        while encoder and time.monotonic() < begun + TEXTS_FOR and (taken := text_indexing.index_batch(encoder)):
            count += taken
        return count
    except WeightsError:  # Photos are indexed all the same, and words found as words.
        logger.exception("No text can be encoded")
        return 0


def _log(settled: Counter[Space], texts: int, seconds: float) -> None:
    for space, count in settled.items():
        logger.info("%s: %d photos settled, %.1f a second", space, count, count / seconds)
    if texts:
        logger.info("the texts of %d products indexed, %.1f a second", texts, texts / seconds)


@shared_task
def import_pending() -> None:
    """Check and run what staff sent to be imported, one worker at a time; indexing gets its turn in between."""
    worker_bell.silence(worker_bell.IMPORT)
    with partitions.importing() as alone:
        is_left = alone and jobs.work(TURN)
    if is_left:
        worker_bell.ring(worker_bell.IMPORT)


@shared_task
def read_feeds() -> None:
    """Read feeds that are due. Their servers are waited for, for two minutes at most each."""
    worker_bell.silence(worker_bell.FEEDS)
    if runs.work(TURN):
        worker_bell.ring(worker_bell.FEEDS)


@cached(TTLCache(maxsize=1, ttl=FEEDS_SEEN))
def _a_feed_is_due() -> bool:
    """Photos give way to feeds, which are few: the addresses that are being asked are due again."""
    return runs.due(timezone.now()).exists()


@shared_task
def fetch_pending() -> None:
    """Fetch the photos whose web addresses are due. What they bring is indexed like any other photo."""
    worker_bell.silence(worker_bell.FETCH)
    begun = time.monotonic()
    turn = Turn(FETCHING_TURN, stopping=lambda: worker_stop.is_told() or _a_feed_is_due())
    settled = Counter(each.outcome for each in turn)
    if settled:
        told = ", ".join(f"{number} {outcome}" for outcome, number in settled.items())
        logger.info("addresses of photos: %s, %.1f a second", told, settled.total() / (time.monotonic() - begun))
    if turn.is_cut:
        worker_bell.ring(worker_bell.FETCH)


# A long task outlives the broker's visibility timeout, so it is acknowledged at its start; bells ring again anyway.
@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def train_head() -> None:
    """Train the heads that are due. A repeated message finds none."""
    for space in Space.objects.indexed_into():
        if space.state == Space.State.BUILDING and photo_states.pending(space).exists():
            continue  # A head trained on a part of the photos would soon be due again.
        try:
            head = head_training.train_if_due(space)
        except WeightsError:  # Its views cannot be encoded. The other spaces get their heads all the same.
            logger.exception("%s: no head can be trained", space)
            continue
        if head:
            logger.info("%s: head trained, held-out accuracy %.3f", space, head.metrics["top1"])


@shared_task(acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60)
def train_detector() -> None:
    """Train the live space's detector if it is due. It comes after the heads: searches of one thing need none."""
    space = Space.objects.live()
    if space is None:
        return
    if detector := detector_training.train_if_due(space):
        logger.info("%s: detector trained, recall %.3f in made-up scenes", space, detector.found["recall"])


@shared_task(bind=True, acks_late=False, soft_time_limit=DAY, time_limit=DAY + 60, max_retries=None)
def maintain(self: Any) -> None:
    """Build the indexes that grown leaves lack, and drop the leaves of deleted categories."""
    begun = time.monotonic()
    try:
        changed = maintenance.maintain()
    except OUTAGES as outage:
        raise self.retry(exc=outage, countdown=max(AGAIN, RESTS * (time.monotonic() - begun))) from outage
    if changed:
        logger.info("maintained %s", ", ".join(changed))


@shared_task
def learn_words() -> None:
    """Collect the words of a new catalogue, which customers' slips are held against, and the types of its attributes.

    `maintain` does it from then on.
    """
    vocabulary.refresh()
    product_numbers.refresh()


@shared_task(**UNTIL_DONE)
def read_numbers() -> None:
    """Read the numbers of all products anew: staff changed the type of an attribute. `maintain` does it as well."""
    attribute_types.collect()
    if changed := product_numbers.refresh():
        logger.info("%d numbers of products changed", changed)


@shared_task(**UNTIL_DONE)
def drop_space(space_id: int) -> None:
    """Delete a space that staff want gone."""
    try:
        if space := Space.objects.filter(pk=space_id).first():
            spaces.drop(space)
            logger.info("%s: dropped", space)
    except (spaces.LiveSpace, partitions.Busy) as error:
        logger.warning("A space was not dropped: %s", error)


@shared_task(**UNTIL_DONE)
def roll_up() -> None:
    """Sum up the last days; then drop the queries of days that are no longer kept."""
    if summed := days.roll_up():
        logger.info("summed up %s", ", ".join(map(str, summed)))
    if pruned := queries.prune():
        logger.info("%d queries dropped from the log", pruned)


@worker_ready.connect
def look_at_once(**kwargs: Any) -> None:
    """Take up at once what became pending while no worker ran, instead of waiting for beat."""
    index_pending.apply_async(expires=worker_bell.TIMEOUT)
    import_pending.apply_async(expires=worker_bell.TIMEOUT)
    if FETCHING in current_app.amqp.queues.consume_from:
        read_feeds.apply_async(expires=worker_bell.TIMEOUT)
        fetch_pending.apply_async(expires=worker_bell.TIMEOUT)
    if MAINTENANCE in current_app.amqp.queues.consume_from:  # Beat would ring in ten minutes, or at night.
        for task in (maintain, roll_up):
            task.apply_async(expires=MAINTAINED)
