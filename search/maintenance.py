"""Upkeep of the tables: indexes for leaves that grew, and the end of leaves whose category is gone."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, OperationalError
from redis import RedisError

from catalog import product_numbers, vocabulary
from catalog.models import Category, Photo, Product
from ml.projection import TooFewVectors
from ml.recipes import WeightsError
from search import text_encoders, text_indexing
from search.models import Space
from search.store import indexes, partitions, text_vectors

logger = logging.getLogger(__name__)
# The share of its photos that a leaf holds before it gets its index: writing into an index is several times slower.
FILLED = 0.9


def maintain() -> list[str]:
    """Build the HNSW indexes that grown leaves lack, check those of leaves that changed much, and drop the leaves of
    deleted categories.

    Returns the names of the tables and indexes that changed. Raises OperationalError, once all else is done, when the
    database was away or had no room.
    """
    changed = []
    outage: OperationalError | None = None
    for space in Space.objects.indexed_into():
        leaves = partitions.leaves(space)
        # Read after the leaves: a category made in between must not lose its leaf.
        categories = set(Category.objects.values_list("pk", flat=True))
        for leaf in leaves:
            try:
                if name := _maintain(leaf, exists=leaf.category_id in categories):
                    changed.append(name)
            except partitions.Busy:  # The next run tries again.
                continue
            except OperationalError as error:
                outage = error
            except (DatabaseError, TooFewVectors):  # For example, the space was dropped. The other leaves go on.
                logger.exception("%s was not maintained", leaf.name)
    with _going_on():
        changed += _maintain_texts()
    with _going_on():
        vocabulary.refresh()
        product_numbers.refresh()
    if changed:
        indexes.analyze_catalogue()
    if outage:
        raise outage
    return changed


@contextmanager
def _going_on() -> Iterator[None]:
    """Log what fails, and go on with the rest: the next run tries again."""
    try:
        yield
    except (DatabaseError, RedisError, WeightsError):
        logger.exception("The words were not maintained")


def _maintain_texts() -> list[str]:
    """Index the texts' vectors once most are there, and drop those of a former encoder once nothing is pending."""
    encoder = text_encoders.text_encoder()
    if encoder is None:
        return []
    pending = text_indexing.pending(encoder).count()
    if not pending:
        text_vectors.forget_others(encoder.model)
    if pending > (1 - FILLED) * Product.objects.count():
        return []
    built = text_vectors.maintain(encoder.model)
    return [built] if built else []


def _maintain(leaf: partitions.Leaf, exists: bool) -> str | None:
    """The name of what changed; None if nothing did."""
    if not exists:
        partitions.drop_leaf(leaf)
        return leaf.name
    if indexes.is_due(leaf):
        if not _is_filled(leaf):
            indexes.prepare(leaf.space)  # Rows written from now on have coarse vectors, and need not be written again.
            return None
        return leaf.index_name if indexes.build(leaf) else None
    if indexes.is_stale(leaf):
        indexes.check(leaf)
        return leaf.index_name
    return None


def _is_filled(leaf: partitions.Leaf) -> bool:
    if leaf.space.state == Space.State.LIVE:
        return True
    photos = Photo.objects.filter(product__category_id=leaf.category_id).count()
    return partitions.rows(leaf) >= FILLED * photos
