"""Why two photos are alike: how much of their cosine each place of either photo holds.

A feature is the mean over the places of a map, and all that follows it is affine but for a length. So a cosine is a sum
over the places of either photo, exactly, as in class activation maps (Zhou et al. 2016, "Learning Deep Features for
Discriminative Localization") and their use for retrieval (Stylianou et al. 2019, "Visualizing Deep Similarity
Networks").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Floats
from ml.feature_scaling import unit
from ml.preprocessing import frame
from ml.projection import FittedProjection
from ml.recipes import Recipe

# A place is blended with its neighbours before it is shown, as it sees a part of them anyway. In regions of rendered
# rooms the hottest place is in the product as often as without (0.964 and 0.970), in whole rooms more often (0.54 and
# 0.47; EfficientNet-Lite2, photos decoded at full size).
BLUR = np.array([0.25, 0.5, 0.25])
LEAST = 1e-12  # a length to divide by


@dataclass(frozen=True, eq=False)
class Seen:
    """A photo as a network sees it."""

    places: NDArray[np.float32]
    """(rows, columns, channels) of the square (Encoder.places)"""
    width: int
    """Of the photo, in pixels."""
    height: int
    vector: NDArray[np.float32]
    """(dimensions,) what the mean over the places becomes (Encoder.finish)"""


@dataclass(frozen=True, eq=False)
class HeatMap:
    """What the places of one photo have to do with a match. Its cells cover the photo, and nothing but it."""

    shares: Floats
    """(rows, columns) of the cosine. They and `padding_share` add up to it. Some may be below 0."""
    heat: Floats
    """(rows, columns), 0 to 1: where the photo is like the other one, and not like any photo of the shop."""
    padding_share: float
    """What the white around the photo holds of the cosine."""


def heat_map(seen: Seen, other: Floats, usual: Floats, recipe: Recipe, projection: FittedProjection | None) -> HeatMap:
    """The map of a photo that was compared with `other`.

    All places have much in common with any photo. Where only the shares were shown, walls and floors would glow with
    that. So the heat is a place's share less the share that it has in the cosine to the usual photo, and 0 where this
    is negative.

    Args:
        other: the other photo's vector, (dimensions,), of any length but 0.
        usual: the mean of the catalogue's vectors of length 1, (dimensions,); zeros where it is not known.
    """
    (other,) = unit(other[np.newaxis])
    whole = place_shares(seen.places, other, recipe, projection)
    contrast = place_shares(seen.places, other - usual, recipe, projection)
    shares = _over_photo(whole, seen, recipe)
    heat = np.maximum(_blurred(_over_photo(contrast, seen, recipe)), 0)
    return HeatMap(shares, heat / max(float(heat.max()), LEAST), float(whole.sum() - shares.sum()))


def place_shares(places: Floats, towards: Floats, recipe: Recipe, projection: FittedProjection | None) -> Floats:
    """How much each place adds to the product of the photo's vector, made one of length 1, with `towards`.

    (rows, columns, channels) and (dimensions,) -> (rows, columns); the sum is the product. What all places have in
    common, such as the mean that a projection subtracts, is shared evenly.
    """
    places = np.asarray(places, np.float64)
    feature, count = places.mean(axis=(0, 1)), places.shape[0] * places.shape[1]
    length = max(float(np.linalg.norm(feature)), LEAST) if recipe.normalize else 1.0
    if projection is None:
        vector, direction, centre = feature / length, towards, 0.0
    else:
        vector = (feature / length - projection.mean) @ projection.components
        direction = projection.components @ towards
        centre = float(projection.mean @ direction)
    shares: Floats = (places @ direction / length - centre) / (count * max(float(np.linalg.norm(vector)), LEAST))
    return shares


def _over_photo(shares: Floats, seen: Seen, recipe: Recipe) -> Floats:
    """Shares of the square's places as shares of a grid over the photo, whose cells are about as large.

    A place that a cell covers in part gives it that part of its share. What lies outside the photo is left out.
    """
    place, side = frame(recipe, seen.width, seen.height), recipe.input_size
    rows, columns = shares.shape
    down = _covered(place.top / side, (place.top + place.height) / side, rows)
    across = _covered(place.left / side, (place.left + place.width) / side, columns)
    return down @ shares @ across.T


def _covered(start: float, end: float, places: int) -> Floats:
    """(cells, places) the part of each place that each cell covers: places lie from 0 to 1, cells from start to end."""
    cells = max(1, round((end - start) * places))
    edges, marks = np.linspace(start, end, cells + 1), np.linspace(0, 1, places + 1)
    overlaps = np.minimum(edges[1:, np.newaxis], marks[1:]) - np.maximum(edges[:-1, np.newaxis], marks[:-1])
    return np.maximum(overlaps, 0) * places


def _blurred(grid: Floats) -> Floats:
    rows, columns = grid.shape
    padded = np.pad(grid, 1, mode="edge")
    down = sum(weight * padded[start : start + rows] for start, weight in enumerate(BLUR))
    across: Floats = sum(weight * down[:, start : start + columns] for start, weight in enumerate(BLUR))
    return across
