"""Upkeep of the tables: indexes for leaves that grew, and no leaves of categories that are gone."""

import logging

from django.db import DatabaseError

from catalog.models import Category, Photo
from ml.projection import TooFewVectors
from search.models import Space
from search.store import indexes, partitions

logger = logging.getLogger(__name__)
# A leaf that is being filled gets its index at the end: writing into one is several times slower.
FILLED = 0.9


def maintain() -> list[str]:
    """Build the HNSW indexes that grown leaves lack, check those of leaves that changed much, and drop the leaves of
    deleted categories.

    Returns the names of the tables and indexes that changed.
    """
    changed = []
    for space in Space.objects.indexed_into():
        leaves = partitions.leaves(space)
        # Asked for after the leaves: a category made in between must not lose the leaf that it already has.
        categories = set(Category.objects.values_list("pk", flat=True))
        for leaf in leaves:
            try:
                if name := _maintain(leaf, exists=leaf.category_id in categories):
                    changed.append(name)
            except partitions.Busy:  # The next time, then.
                continue
            except (DatabaseError, TooFewVectors):  # A space dropped meanwhile, say: no reason to leave out the others.
                logger.exception("%s was not maintained", leaf.name)
    if changed:
        indexes.analyze_catalogue()
    return changed


def _maintain(leaf: partitions.Leaf, exists: bool) -> str | None:
    """The name of what changed."""
    if not exists:
        partitions.drop_leaf(leaf)
        return leaf.name
    if indexes.is_due(leaf):
        if not _is_filled(leaf):
            indexes.prepare(leaf.space)  # What is written from now on need not be written again.
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
