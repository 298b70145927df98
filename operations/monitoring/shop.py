"""What the database tells of the shop: each question is a few statements over indexes, or a count."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from catalog.feeds.models import Feed
from catalog.feeds.standing import Stand, standings
from catalog.models import Category, Import, PhotoAddress, Product
from catalog.photos import MISSING
from descriptions import caption_leases
from descriptions.captioning import shops_model
from ml.decoding.problems import MESSAGES
from ml.recipes import WeightsError
from search import photo_states, text_encoders, text_indexing
from search.models import Embedding, Rejection, Space
from search.store import partitions

# Why photos are rejected is stored as a sentence. All others say that the storage did not answer.
REASONS = {message: str(code) for code, message in MESSAGES.items()} | {MISSING: "missing"}
STANDS = {Stand.FAILED: "failed", Stand.WAITS: "waits"}
SPACE = ["space", "state"]


def nothing() -> Iterator[Metric]:
    """Asks whether the database answers: setting a time limit is a statement."""
    return iter(())


def catalogue() -> Iterator[Metric]:
    for name, model in (("categories", Category), ("products", Product)):
        yield GaugeMetricFamily(f"lamplight_{name}", f"The shop's {name}.", model._default_manager.count())


def photos() -> Iterator[Metric]:
    """What became of them in the live space."""
    told = GaugeMetricFamily(
        "lamplight_photos", "Photos by their state in the live space: indexed, pending, rejected.", labels=["state"]
    )
    age = 0.0
    if space := Space.objects.live():
        counts, oldest = photo_states.counts_with_oldest_pending(space)
        for state in photo_states.State:
            told.add_metric([state], getattr(counts, state))
        age = (timezone.now() - oldest).total_seconds() if oldest else 0.0
    yield told
    yield GaugeMetricFamily(
        "lamplight_photos_pending_oldest_age_seconds",
        "Time since the oldest pending photo came into the shop, not since it became pending; 0 without any.",
        age,
    )


def rejections() -> Iterator[Metric]:
    told = GaugeMetricFamily(
        "lamplight_photos_rejected", "Photos rejected in the live space, by reason.", labels=["reason"]
    )
    in_force = Rejection.objects.in_force().filter(space=Space.objects.live())
    counted = dict.fromkeys(chain(REASONS.values(), ["storage"]), 0)
    for reason, number in in_force.order_by().values_list("reason").annotate(number=Count("*"))[:1000]:
        counted[REASONS.get(reason, "storage")] += number
    for reason, number in counted.items():
        told.add_metric([reason], number)
    yield told


def index() -> Iterator[Metric]:
    """Of the live space, and of those that are built beside it."""
    vectors = GaugeMetricFamily("lamplight_index_vectors", "Vectors of photos in a space.", labels=SPACE)
    size = GaugeMetricFamily("lamplight_index_bytes", "Size of a space on the disk.", labels=[*SPACE, "what"])
    indexes = GaugeMetricFamily("lamplight_index_hnsw_indexes", "Categories that have an HNSW index.", labels=SPACE)
    recall = GaugeMetricFamily(
        "lamplight_index_recall_ratio",
        "The least recall@20 of a space's HNSW indexes against exact scans, when each was checked last.",
        labels=SPACE,
    )
    for space in Space.objects.indexed_into():
        labels = [space.name, space.state]
        vectors.add_metric(labels, Embedding.objects.filter(space_id=space.pk).count())
        found = partitions.size(space)
        size.add_metric([*labels, "vectors"], found.vectors)
        size.add_metric([*labels, "indexes"], found.indexes)
        checked = space.indexes.aggregate(number=Count("*"), least=Min("recall"))
        indexes.add_metric(labels, checked["number"])
        if checked["number"]:  # Without one, searches are exact.
            recall.add_metric(labels, checked["least"])
    yield from (vectors, size, indexes, recall)


def imports() -> Iterator[Metric]:
    told = GaugeMetricFamily("lamplight_imports", "Imports by state.", labels=["state"])
    counted = dict.fromkeys(Import.State.values, 0)
    counted |= dict(Import.objects.order_by().values_list("state").annotate(number=Count("*")))
    for state, number in counted.items():
        told.add_metric([state], number)
    yield told


def feeds() -> Iterator[Metric]:
    told = GaugeMetricFamily("lamplight_feeds", "Feeds that are on, by how they stand.", labels=["state"])
    counted = Counter(STANDS.get(found.stand, "ok") for found in standings(Feed.objects.filter(is_on=True)))
    for state in ("ok", "failed", "waits"):
        told.add_metric([state], counted[state])
    yield told


def addresses() -> Iterator[Metric]:
    told = GaugeMetricFamily(
        "lamplight_photo_addresses", "Web addresses of photos by state: waiting, fetched, failed.", labels=["state"]
    )
    counted = dict.fromkeys(PhotoAddress.State.values, 0)
    counted |= dict(PhotoAddress.objects.order_by().values_list("state").annotate(number=Count("*")))
    for state, number in counted.items():
        told.add_metric([state], number)
    yield told
    oldest = PhotoAddress.objects.pending().aggregate(oldest=Min("due_at"))["oldest"]
    yield GaugeMetricFamily(
        "lamplight_photo_addresses_oldest_due_age_seconds",
        "Since when the address that has been due longest waits to be asked; 0 without any.",
        (timezone.now() - oldest).total_seconds() if oldest else 0.0,
    )


def texts() -> Iterator[Metric]:
    try:
        encoder = text_encoders.text_encoder()
    except WeightsError:
        encoder = None
    waiting = text_indexing.pending(encoder) if encoder else None
    yield _pending("texts", "Products whose texts are not encoded yet.", waiting)


def captions() -> Iterator[Metric]:
    model = shops_model()
    waiting = caption_leases.pending(model.fingerprint) if model else None
    yield _pending("captions", "Products that the vision-language model is to be asked about.", waiting)


def _pending(what: str, documentation: str, products: QuerySet[Product] | None) -> Metric:
    """None where the shop has nothing that would look at them."""
    number = None if products is None else products.count()
    return GaugeMetricFamily(f"lamplight_{what}_pending", documentation, number)


# What tags are pending is not among them: the hash of each product would be computed, 4 s for 300,000.
QUESTIONS = (catalogue, photos, rejections, index, imports, feeds, addresses, texts, captions)
