"""Which parts of a room are taken, in cells of 5 cm, so that furniture never runs into furniture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .mesh import Array
from .model import Model

CELL = 0.05
LOW = np.array([-5.0, -6.0, 0.0])  # the back wall is at y = 0
HIGH = np.array([5.0, 0.0, 2.6])

Cells = NDArray[np.int64]


def surface_points(model: Model, spacing: float = 0.8 * CELL) -> Array:
    """Points all over a model's framed parts, no further apart than `spacing`, (n, 3)."""
    corners = np.concatenate([part.mesh.points for part in model.parts if part.frame])
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    steps = np.ceil(longest / spacing).astype(int).clip(1)
    points = []
    for count in np.unique(steps):
        i, j = np.meshgrid(np.arange(count + 1), np.arange(count + 1), indexing="ij")
        inside = i + j <= count
        weights = np.stack([i[inside], j[inside], count - (i + j)[inside]], axis=1) / count
        points.append(np.einsum("wk,tkc->twc", weights, corners[steps == count]).reshape(-1, 3))
    return np.concatenate(points)


def _thinned(points: Array) -> Array:
    """One of the points in each quarter cell; a sofa's seams have more than anybody needs."""
    x, y, z = np.floor((points - points.min(axis=0)) * 4 / CELL).astype(np.int64).T
    return points[np.unique((x * 4096 + y) * 4096 + z, return_index=True)[1]]


class Space:
    """The taken cells of a room, and the search for free places."""

    def __init__(self) -> None:
        self.taken = np.zeros(np.round((HIGH - LOW) / CELL).astype(int), dtype=bool)

    def put(self, model: Model) -> None:
        """Take the cells of a model."""
        cells, inside = self._cells(surface_points(model))
        self.taken[tuple(cells[:, inside])] = True

    def slide(
        self, model: Model, start: tuple[float, float], step: tuple[float, float], gap: float = 0.0, reach: float = 3.0
    ) -> Model | None:
        """The model moved to `start` and on by steps of one cell's length until it is `gap` metres clear of all.

        None if it meets a wall or no place is free within `reach` metres.  What stands on something may touch it.
        """
        points = surface_points(model)
        points = _thinned(points[points[:, 2] >= points[:, 2].min() + CELL])
        wide = self._widened(round(gap / CELL))
        for count in range(round(reach / CELL) + 1):
            shift = np.array(start) + CELL * count * np.array(step)
            cells, inside = self._cells(points + np.append(shift, 0.0))
            if not inside.all():
                return None
            if not wide[tuple(cells)].any():
                return model.move(*shift)
        return None

    def _cells(self, points: Array) -> tuple[Cells, NDArray[np.bool_]]:
        """The cells (3, n) of points below the ceiling, and which of them lie between the walls."""
        cells = np.floor((points[points[:, 2] < HIGH[2]] - LOW) / CELL).astype(np.int64).T
        cells[2] = cells[2].clip(0)
        return cells, ((cells >= 0) & (cells < np.array(self.taken.shape)[:, None])).all(axis=0)

    def _widened(self, cells: int) -> NDArray[np.bool_]:
        """The taken cells and those up to so many cells beside them."""
        wide = self.taken
        for axis in (0, 1):
            grown = wide.copy()
            for shift in range(1, cells + 1):
                ahead, behind = [slice(None)] * 3, [slice(None)] * 3
                ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
                grown[tuple(ahead)] |= wide[tuple(behind)]
                grown[tuple(behind)] |= wide[tuple(ahead)]
            wide = grown
        return wide
