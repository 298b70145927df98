"""Fitting what a space is derived by: PCA of the vectors stored in another, or a map learned from families."""

from typing import cast

from ml.learned_projection import Evidence, fit_learned, prove
from ml.projection import FittedProjection, fit_projection
from ml.retrieval import Metric
from search import family_labels
from search.models import Space
from search.store import vectors

# The most photos that a projection is fitted on. As float32 of 4,096 dimensions they fill 330 MB, and a tenth of them
# already fixes the few hundred directions that are kept.
PROJECTION_PHOTOS = 20_000


class IsProjection(Exception):  # noqa: N818  it names the state of the space
    """The space is a projection itself, so nothing is derived from it."""

    def __init__(self, space: Space) -> None:
        super().__init__(f"{space} is a projection itself; derive from the space that it was made from")


def fit(source: Space, components: int, whiten: bool = False) -> FittedProjection:
    """Fit PCA on the vectors stored in a space, or on PROJECTION_PHOTOS of them.

    Raises:
        ml.projection.TooFewVectors: the source has no more vectors than components.
        ValueError: the source has no more dimensions than components.
        IsProjection: the source is a projection itself.
    """
    _refuse_projection(source)
    return fit_projection(vectors.sample(source, PROJECTION_PHOTOS), components, whiten)


def learn(source: Space, column: str, components: int) -> tuple[FittedProjection, Evidence]:
    """Learn a map of the vectors stored in a space from families, and prove it on families held out.

    It learns from the space's photos, or PROJECTION_PHOTOS of them, and from its customers' (search.family_labels).

    Args:
        column: "name" or an attribute, whose values name families within a category.

    Raises as `fit` does, and:
        search.family_labels.NoSuchColumn: no product has a value in the column.
        ml.learned_projection.TooFewFamilies: too few to prove anything.
        ml.learned_projection.NothingToLearn: the photos of a family do not differ.
    """
    _refuse_projection(source)
    families = family_labels.read(source, column, PROJECTION_PHOTOS)
    axes = fit_projection(families.gallery.vectors, components)
    evidence = prove(families, axes, cast(Metric, source.metric))
    return fit_learned(families, axes), evidence


def _refuse_projection(source: Space) -> None:
    if source.recipe.get("pca"):
        raise IsProjection(source)
