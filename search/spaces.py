"""The life of a space: made from a recipe or from another space, built beside the live one, activated, dropped."""

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, F
from django.utils import timezone

from catalog.models import Category
from ml.head_fitting import MIN_PHOTOS, MIN_PRODUCTS
from ml.learned_projection import Evidence
from ml.projection import FittedProjection, sha256_of
from ml.recipes import Recipe
from search import photo_states
from search.models import Embedding, Projection, Space
from search.photo_states import Counts
from search.store import indexes, partitions

# For so long a retired space cannot be dropped. Searches that began in it end in it, long before this.
SEARCHES_END = timedelta(seconds=10)


class LiveSpace(Exception):  # noqa: N818  it names the state of the space
    """The space answers searches."""

    def __init__(self, space: Space) -> None:
        super().__init__(f"{space} answers searches: activate another space first.")


class NameTaken(Exception):  # noqa: N818  as above
    """A space of that name exists and is not live."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a space {name}, and it is not live: manage.py activate_space {name} makes it so.")


class SearchesRun(Exception):  # noqa: N818  as above
    """Searches that began in the space may not have ended."""


class NotReady(Exception):  # noqa: N818  as above
    """The space was never live and lacks something that the workers are making; the message says what."""

    def __init__(self, lack: str, command: str) -> None:
        super().__init__(f"{lack}: the workers see to it, or run `manage.py {command}`.")


class NotProven(Exception):  # noqa: N818  as above
    """The space was learned, was never live, and its evidence does not say that it is better; the message shows it."""

    def __init__(self, space: Space, evidence: Evidence) -> None:
        source = space.source or "the space that it was made from"
        super().__init__(f"{space} is not proven better than {source}: {evidence}.")


@dataclass(frozen=True)
class Overview:
    """A space and the numbers that its owner wants to see."""

    space: Space
    counts: Counts
    leaves: int
    """Categories with a leaf."""
    hnsw: int
    """Leaves that have an HNSW index; the others are scanned exactly."""
    size: partitions.Size
    is_ready: bool
    """Whether it could be activated, if it was never live."""

    @property
    def progress(self) -> float:
        """The settled share of the photos, 0 to 1."""
        return self.counts.settled / self.counts.total if self.counts.total else 1.0

    @property
    def stage(self) -> str:
        """The state, or "ready" for a space that was built and waits to be activated."""
        is_waiting = self.space.state == Space.State.BUILDING and self.counts.total and self.is_ready
        return "ready" if is_waiting else str(self.space.state)

    @property
    def bytes_per_photo(self) -> int:
        """Vectors and indexes; 0 in an empty space."""
        photos = self.counts.indexed
        return round((self.size.vectors + self.size.indexes) / photos) if photos else 0


def overview(space: Space) -> Overview:
    counts, leaves = photo_states.counts(space), partitions.leaves(space)
    return Overview(
        space=space,
        counts=counts,
        leaves=len(leaves),
        hnsw=space.indexes.count(),
        size=partitions.size(space),
        is_ready=lack(space, counts.pending) is None,
    )


def ensure_live(recipe: Recipe) -> Space:
    """The live space. If there is none, it is made from `recipe`, with its partitions.

    Safe to call from several processes at once: the database allows one live space. Raises NameTaken.
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
                activated_at=timezone.now(),
            )
    except IntegrityError as error:
        if other := Space.objects.live():
            return other
        raise NameTaken(recipe.name) from error
    ensure_partitions()
    return space


def origin(backbone: str | None) -> tuple[str, str]:
    """The backbone and weights of a new space for which at most the backbone was chosen: the live space's own.

    Without a live space, or for another backbone, they come from the settings.
    """
    live = Space.objects.live()
    if live and backbone in (None, live.recipe["backbone"]):
        return live.recipe["backbone"], live.recipe["weights"]
    return backbone or settings.LAMPLIGHT_BACKBONE, settings.LAMPLIGHT_WEIGHTS


def create(name: str, recipe: Recipe, metric: str = Space.Metric.COSINE) -> Space:
    """Make a space to be built beside the live one: from now on the workers index into it.

    Raises ValueError when the backbone has no such layer, IntegrityError when the name is taken.
    """
    recipe = replace(recipe, normalize=metric == Space.Metric.COSINE)
    space = Space.objects.create(name=name, recipe=recipe.as_dict(), dimensions=recipe.dimensions, metric=metric)
    ensure_partitions()
    return space


def derive(
    name: str, source: Space, fitted: FittedProjection, learn: str = "", evidence: Evidence | None = None
) -> Space:
    """Make a space to be built by projecting the vectors stored in its source: no photo there is encoded again.

    Args:
        learn: the column that the map was learned from, if it was learned; `evidence` says what it is worth.

    Raises IntegrityError when the name is taken.
    """
    data, components = fitted.to_bytes(), fitted.components.shape[1]
    whiten = fitted.whiten and not learn
    projected = {"pca": components, "whiten": whiten, "learn": learn, "projection_sha256": sha256_of(data)}
    recipe = replace(Recipe.from_dict(source.recipe), **projected)
    with transaction.atomic():
        space = Space.objects.create(
            name=name, recipe=recipe.as_dict(), dimensions=components, metric=source.metric, source=source
        )
        Projection.objects.create(space=space, data=data, evidence=evidence and evidence.as_dict())
    ensure_partitions()
    return space


def activate(space: Space, incomplete: bool = False, unproven: bool = False) -> Space | None:
    """Have the space answer searches from now on, in one transaction. Returns the one that did until now.

    The former space is retired. It stays as it is and can be activated again, but no new photos are indexed into it.
    Returns None when the space was live already.

    Raises:
        NotReady: the space was never live and lacks something. Not raised when it may be `incomplete`.
        NotProven: it was never live, was learned, and is not proven better. Not raised when it may be `unproven`.
        Space.DoesNotExist: the space was dropped.
    """
    stored = Space.objects.filter(pk=space.pk).first()  # Its state may have changed since the caller read it.
    if stored and not unproven and (doubt := doubt_of(stored)):
        raise doubt
    if stored and not incomplete and (refusal := lack(stored, photo_states.pending(stored).count())):
        raise refusal
    with transaction.atomic():
        # Lock them all: whoever activates another one meanwhile waits here, and then sees which is live.
        every = {row.pk: row for row in Space.objects.select_for_update(no_key=True).order_by("pk")}
        if space.pk not in every:
            raise Space.DoesNotExist(f"{space} was dropped meanwhile")
        chosen = every[space.pk]
        if chosen.state == Space.State.LIVE:
            return None
        former = next((row for row in every.values() if row.state == Space.State.LIVE), None)
        if former:
            former.state = Space.State.RETIRED
            former.save(update_fields=["state"])
        chosen.state, chosen.activated_at = Space.State.LIVE, timezone.now()
        chosen.save(update_fields=["state", "activated_at"])
    ensure_partitions()  # It lacks the leaves of categories made while it was retired.
    return former


def evidence_of(space: Space) -> Evidence | None:
    """What a learned space was worth when it was made; None where nothing was learned."""
    found = Projection.objects.filter(space=space, evidence__isnull=False).values_list("evidence", flat=True).first()
    return Evidence.from_dict(found) if found else None


def doubt_of(space: Space) -> NotProven | None:
    """Why a learned space that was never live should not be; None where it is proven better than its source.

    Waiting mends nothing here, so it is no lack.
    """
    if space.state != Space.State.BUILDING:
        return None
    evidence = evidence_of(space)
    return NotProven(space, evidence) if evidence and not evidence.is_better else None


def lack(space: Space, pending: int) -> NotReady | None:
    """What a space that was never live lacks to answer searches as well as it can; None when it is ready.

    A space that was live before is always ready: it is wanted back at once, whatever came meanwhile.
    """
    if space.state != Space.State.BUILDING:
        return None
    if pending:
        return NotReady(f"{pending} photos are not indexed in {space} yet", f"index --space {space}")
    if indexes.are_due(space):
        return NotReady(f"{space} lacks indexes of large categories", "maintain")
    live = Space.objects.live()
    if live and live.heads.exists() and not space.heads.exists() and can_have_head(space):
        return NotReady(f"{space} has no category head yet", f"train_head --space {space}")
    return None


def can_have_head(space: Space) -> bool:
    """Whether two categories have photos enough to train one. The live space's head may be older than that."""
    photos = Embedding.objects.filter(space_id=space.pk, category_id=F("photo__product__category_id"))
    counts = photos.values("category_id").annotate(count=Count("*"), products=Count("photo__product", distinct=True))
    return counts.filter(count__gte=MIN_PHOTOS, products__gte=MIN_PRODUCTS).count() >= 2


def drop(space: Space) -> None:
    """Delete a space and all that it holds, in one transaction; its vectors go in one statement.

    Waits for the searches that began in it, at most SEARCHES_END, and for the batches that are being indexed. A space
    that is gone is no error. Raises LiveSpace, and partitions.Busy when the table is never free.
    """
    while True:
        try:
            partitions.when_free(partial(_drop, space))
        except SearchesRun:
            time.sleep(1)
        else:
            return


def _drop(space: Space) -> None:
    partitions.lock_shape()
    rows = {row.pk: row for row in Space.objects.select_for_update(no_key=True).order_by("pk")}
    found = rows.get(space.pk)
    if found is None:
        return
    if found.state == Space.State.LIVE:
        raise LiveSpace(space)
    if found.state == Space.State.RETIRED and any(_is_fresh(row) for row in rows.values()):
        raise SearchesRun
    partitions.drop_branch(space)
    Space.objects.filter(pk=space.pk).delete()


def _is_fresh(space: Space) -> bool:
    """Whether searches may still run in the space that was live before this one."""
    if space.state != Space.State.LIVE or space.activated_at is None:
        return False
    return timezone.now() - space.activated_at < SEARCHES_END


def ensure_partitions() -> None:
    """Make a leaf for every category in every space that photos are indexed into."""
    categories = list(Category.objects.values_list("pk", flat=True))
    for space in Space.objects.indexed_into():
        partitions.ensure(space, categories)
