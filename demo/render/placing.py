"""One piece of furniture after another put into a room: along the wall, before a sofa, on a table, up to it.

The back wall is at y = 0 and the room lies before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from .mesh import Array
from .model import Model
from .occupancy import Space, surface_points

FORWARD = (0.0, -1.0)
Piece = tuple[str, Model]  # a SKU and what it looks like


class NoPlaceError(Exception):
    """This layout has no room for all of its pieces; another draw may have."""


@dataclass
class Room:
    """A room being furnished: products by SKU, and whatever else stands there."""

    rng: Generator
    space: Space = field(default_factory=Space)
    products: dict[str, Model] = field(default_factory=dict)
    decor: Model = field(default_factory=Model)

    def points(self) -> Array:
        """Every corner of every product, (n, 3)."""
        return np.concatenate([model.outline() for model in self.products.values()])


@dataclass
class Cast:
    """The models of a plan that still wait for a place."""

    room: Room
    waiting: list[tuple[str, str, Model]]

    def take(self, *roles: str) -> Piece | None:
        """The SKU and model of the next piece in one of these roles."""
        for entry in self.waiting:
            if entry[0] in roles:
                self.waiting.remove(entry)
                return entry[1], entry[2]
        return None

    def need(self, *roles: str) -> Piece:
        """The same of a piece that the plan must have."""
        piece = self.take(*roles)
        assert piece is not None, roles
        return piece

    def place(
        self,
        piece: Piece,
        start: tuple[float, float],
        step: tuple[float, float] = FORWARD,
        gap: float = 0.0,
    ) -> Model:
        """Slide a piece to a free place and keep it there."""
        sku, model = piece
        placed = self.room.space.slide(model, start, step, gap)
        if placed is None:
            raise NoPlaceError(sku)
        return self.keep(sku, placed)

    def keep(self, sku: str, placed: Model) -> Model:
        """Leave a piece where it is."""
        self.room.space.put(placed)
        self.room.products[sku] = placed
        return placed


def middle(model: Model) -> tuple[float, float]:
    """The centre of a model's outline, seen from above."""
    points = model.outline()
    x, y, _ = (points.min(axis=0) + points.max(axis=0)) / 2
    return float(x), float(y)


def along_wall(cast: Cast, piece: Piece, x: float, rng: Generator) -> Model:
    """Stand a piece with its back to the wall."""
    back = float(piece[1].outline()[:, 1].max())
    return cast.place(piece, (x, -back - rng.uniform(0.03, 0.1)))


def before(cast: Cast, piece: Piece, half: float, rng: Generator) -> Model:
    """Stand a table before a sofa `half` as wide to either side: in the middle, or in the corner that an L leaves."""
    sku, model = piece
    central, *corners = (
        cast.room.space.slide(model, (share * half + rng.uniform(-0.15, 0.15), -0.6), FORWARD, gap=0.3)
        for share in (0.0, -0.45, 0.45)
    )
    free = [corner for corner in corners if corner]
    nearest = max(free, key=lambda corner: middle(corner)[1], default=central)
    if central and nearest and middle(nearest)[1] < middle(central)[1] + 0.3:
        nearest = central
    if nearest is None:
        raise NoPlaceError(sku)
    return cast.keep(sku, nearest)


def beside(cast: Cast, side: float, half: float, rng: Generator) -> None:
    """A floor lamp, or a small table with its lamp, next to a sofa or bed that is `half` as wide on either side."""
    table = cast.take("side table")
    if table:
        low, high = table[1].outline().min(axis=0), table[1].outline().max(axis=0)
        y = -float(high[1]) - rng.uniform(0.08, 0.2)
        placed = cast.place(table, (side * (half + (high[0] - low[0]) / 2 - 0.1), y), (side, 0), gap=0.05)
        stand_lamp(cast, placed, 0.0, rng)
    lamp = cast.take("floor lamp") if not table else None
    if lamp:
        sku, model = lamp
        spin = 180.0 if side > 0 else 0.0  # an arc lamp reaches inwards, over the seat
        cast.place((sku, model.turn(spin)), (side * (half - 0.6), -rng.uniform(0.35, 0.5)), (side, 0), gap=0.05)


def stand_lamp(cast: Cast, table: Model, side: float, rng: Generator) -> None:
    """Stand the plan's small lamp on a table: towards one side, or for 0 on the highest top's middle."""
    lamp = cast.take("table lamp", "desk lamp")
    if lamp is None:
        return
    sku, model = lamp
    points = surface_points(table)
    spot = np.array(middle(table))
    if side:
        spot[0] += side * (table.size()[0] / 2 - rng.uniform(0.2, 0.3))
    else:
        spot = points[points[:, 2] > points[:, 2].max() - 0.02].mean(axis=0)[:2]
    foot = model.outline()
    foot = foot[foot[:, 2] < 0.02, :2]
    centre = (foot.min(axis=0) + foot.max(axis=0)) / 2
    for forward in (0.0, 0.05, 0.1, 0.15):
        at = spot - (0.0, forward)
        under = points[np.linalg.norm(points[:, :2] - at, axis=1) < 0.1]
        top = under[under[:, 2] > under[:, 2].max(initial=0.0) - 0.02]
        # All round the foot there must be table, not just the rim of a tray or a desk's low shelf.
        if not len(top) or np.linalg.norm(top[:, :2].mean(axis=0) - at) > 0.03:
            continue
        x, y = at - centre
        placed = cast.room.space.slide(model.move(z=float(top[:, 2].max())), (x, y), FORWARD, reach=0.0)
        if placed:
            cast.keep(sku, placed)
            return
    raise NoPlaceError(sku)


def work_place(cast: Cast, desk: Model, side: float, rng: Generator) -> None:
    """A lamp on a desk and a chair drawn up to it, half turned."""
    stand_lamp(cast, desk, side, rng)
    chair = cast.take("office chair", "chair")
    if chair:
        at = middle(desk)
        spot = (at[0] - side * rng.uniform(0.0, 0.2), at[1] - desk.size()[1] / 2 - 0.05)
        turn = 180 + rng.uniform(-60, 60)
        cast.place((chair[0], chair[1].turn(turn)), spot, gap=0.0)


def draw_up(cast: Cast, chair: Piece, table: Model, shift: float, turn: float, rng: Generator) -> None:
    """Draw a chair up to one side of a table: 0 is the far side, 90 the left, -90 the right, 180 the near one."""
    x, y = middle(table)
    width, depth, _ = table.size()
    angle = np.radians(turn)
    outward = np.array([-np.sin(angle), np.cos(angle)])
    reach = (depth if turn in (0, 180) else width) / 2
    start = np.array([x + shift, y]) + outward * (reach + rng.uniform(0.05, 0.25))
    turned = chair[1].turn(turn + rng.uniform(-12, 12))
    cast.place((chair[0], turned), (float(start[0]), float(start[1])), (float(outward[0]), float(outward[1])))


def hang(cast: Cast, at: tuple[float, float], bottom: float) -> None:
    """Hang the plan's pendant, its lower end at a height."""
    lamp = cast.take("pendant")
    if lamp:
        cast.place((lamp[0], lamp[1].move(z=bottom)), at)
