"""The life of a space: it is made from a recipe, filled, and one is live."""

from django.db import IntegrityError, transaction

from catalog.models import Category
from ml.recipes import Recipe
from search import partitions
from search.models import Space


def ensure_live(recipe: Recipe) -> Space:
    """The live space; made from `recipe`, with its partitions, when there is none.

    Safe to call from several processes at once: the database allows one live space.
    """
    if space := Space.objects.live():
        return space
    try:
        with transaction.atomic():
            space = Space.objects.create(
                name=recipe.name,
                recipe=recipe.as_dict(),
                dimensions=recipe.dimensions,
                state=Space.State.LIVE,
            )
    except IntegrityError:
        return Space.objects.get(state=Space.State.LIVE)
    ensure_partitions()
    return space


def ensure_partitions() -> None:
    """A leaf for every category in every space that photos are indexed into."""
    categories = list(Category.objects.values_list("pk", flat=True))
    for space in Space.objects.indexed_into():
        partitions.ensure(space, categories)


def maintain() -> list[str]:
    """Build the HNSW indexes that grown leaves lack and drop the leaves of deleted categories.

    Returns the names of the tables and indexes that changed.
    """
    changed = []
    for space in Space.objects.indexed_into():
        leaves = partitions.leaves(space)
        # Asked for after the leaves: a category made in between must not lose the leaf that it already has.
        categories = set(Category.objects.values_list("pk", flat=True))
        for leaf in leaves:
            if leaf.category_id not in categories:
                partitions.drop_leaf(leaf)
                changed.append(leaf.name)
            elif partitions.is_large(leaf) and not partitions.any_index([leaf]) and partitions.build_index(leaf):
                changed.append(leaf.index_name)
    return changed
