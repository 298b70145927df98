"""Coarse vectors: which spaces have them, and how they are made.

A space of long vectors has its HNSW indexes over shorter ones, projected onto the directions that hold most of the
vectors' length. Such an index is a fourteenth of the size and built in a third of the time; it names candidates, which
the full vectors rank. The projection is fitted once, when the space's first leaf outgrows exact scans; from then on
every row that is written gets its coarse vector, and a leaf that is to have an index refuses rows without one.
"""

from functools import lru_cache, partial

import numpy as np
from django.db import connection
from numpy.typing import NDArray
from psycopg import sql

from ml.arrays import Floats
from ml.projection import FittedProjection, fit_coarse
from search.models import COARSE_DIMENSIONS, COARSE_FROM, CoarseProjection, Space
from search.store import partitions
from search.store.partitions import Leaf

# The most photos that the projection is fitted on.
FITTED = 10_000


def has_coarse(dimensions: int) -> bool:
    """Whether vectors of so many dimensions have coarse ones, which are then a fourth as long or shorter."""
    return dimensions >= COARSE_FROM


def is_two_stage(space: Space) -> bool:
    """Whether the space's indexes are over coarse vectors."""
    return has_coarse(space.dimensions)


def indexed(space: Space) -> tuple[sql.Composable, int]:
    """The expression that the space's HNSW indexes are over, and its dimensions."""
    column, dimensions = ("coarse", COARSE_DIMENSIONS) if is_two_stage(space) else ("vector", space.dimensions)
    return sql.SQL("({}::halfvec({}))").format(sql.SQL(column), sql.Literal(dimensions)), dimensions


def projection(space: Space) -> FittedProjection | None:
    """What makes the space's coarse vectors; None while no leaf of it has needed an index."""
    if not is_two_stage(space):
        return None
    try:
        return _load(space.pk)
    except CoarseProjection.DoesNotExist:  # Not cached: the next call asks again.
        return None


@lru_cache(maxsize=4)
def _load(space_id: int) -> FittedProjection:
    return FittedProjection.from_bytes(bytes(CoarseProjection.objects.get(space_id=space_id).data))


def of(space: Space, vectors: Floats) -> NDArray[np.float32] | None:
    """Coarse vectors of full ones, (n, dimensions) -> (n, COARSE_DIMENSIONS); None where the space has none so far."""
    made = projection(space)
    return None if made is None else made.apply(vectors, normalize=False)


def as_indexed(space: Space, vector: Floats) -> Floats:
    """A query's vector, (dimensions,), as the space's indexes hold vectors."""
    made = of(space, vector[np.newaxis])
    return vector if made is None else made[0]


def is_missing(space: Space) -> bool:
    """Whether the space still needs its projection before it can have an index."""
    return is_two_stage(space) and projection(space) is None


def make(space: Space, vectors: NDArray[np.float32]) -> None:
    """Fit the space's projection on some of its vectors, (n, dimensions), FITTED at most, and have it used from now on.

    Raises partitions.Busy, and ml.projection.TooFewVectors unless n > COARSE_DIMENSIONS.
    """
    data = fit_coarse(vectors, COARSE_DIMENSIONS).to_bytes()
    # Batches that began without the projection end first: whatever is written afterwards has its coarse vector.
    partitions.when_free(partial(_keep, space, data))


def _keep(space: Space, data: bytes) -> None:
    CoarseProjection.objects.get_or_create(space=space, defaults={"data": data})


def require(leaf: Leaf) -> None:
    """Have the leaf refuse rows without a coarse vector, which an index would not find.

    A worker of an older version writes such rows. Those that are there already stay. Raises partitions.Busy.
    """
    partitions.when_free(partial(_require, leaf))


def _require(leaf: Leaf) -> None:
    with connection.cursor() as cursor:
        query = sql.SQL(
            "ALTER TABLE {leaf} DROP CONSTRAINT IF EXISTS {name},"
            " ADD CONSTRAINT {name} CHECK (coarse IS NOT NULL) NOT VALID"
        )
        cursor.execute(query.format(leaf=sql.Identifier(leaf.name), name=sql.Identifier(f"{leaf.name}_coarse")))
