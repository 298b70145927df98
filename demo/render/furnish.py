"""Layouts of living rooms, bedrooms, dining rooms, studies, kitchens and halls, and what else stands in them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from . import props
from .model import Model
from .placing import Cast, Room, along_wall, before, beside, draw_up, hang, middle, stand_lamp, work_place
from .plans import Plan

LEFT = (-1.0, 0.0)


def furnish(plan: Plan, models: Mapping[str, Model], rng: Generator) -> Room:
    """Place everything in a plan, and dress the room."""
    room = Room(rng)
    cast = Cast(room, [(role, sku, models[sku]) for role, sku in plan.cast])
    LAYOUTS[plan.kind](cast, float(rng.choice([-1, 1])), rng)
    assert not cast.waiting, plan
    _dress(room, rng)
    return room


def _living(cast: Cast, side: float, rng: Generator) -> None:
    """A sofa at the wall, a coffee table before it, a seat across and a lamp."""
    sofa = along_wall(cast, cast.need("sofa", "daybed"), 0.0, rng)
    half = sofa.size()[0] / 2
    table = before(cast, cast.need("coffee table"), half, rng)
    beside(cast, side, half, rng)
    at = middle(table)
    chair = cast.take("easy chair", "loveseat")
    if chair:
        across = float(rng.choice([-1, 1, -side]))
        spot = (at[0] + across * 0.5, at[1] + rng.uniform(-0.3, 0.45))
        turn = -across * (90 if chair[0].startswith("SOF") else rng.uniform(50, 95))
        cast.place((chair[0], chair[1].turn(turn)), spot, (across, 0), gap=0.25)
    hang(cast, at, rng.uniform(1.5, 1.75))
    _rug(cast.room, (at[0], at[1] + 0.2), (2 * half * rng.uniform(0.8, 1.1), rng.uniform(1.5, 2.2)))


def _bedroom(cast: Cast, side: float, rng: Generator) -> None:
    """A bed with its head at the wall, a table and a lamp at its side, a seat or a desk."""
    bed = along_wall(cast, cast.need("bed", "bunk"), 0.0, rng)
    half = bed.size()[0] / 2
    desk = cast.take("desk")
    if desk:
        width, depth, _ = desk[1].size()
        start = (side * (half + width / 2), -depth / 2 - 0.06)
        work_place(cast, cast.place(desk, start, (side, 0), gap=0.2), side, rng)
    beside(cast, side, half, rng)
    other = cast.take("floor lamp")
    if other:
        cast.place(other, (-side * half, -rng.uniform(0.4, 0.6)), (-side, 0), gap=0.1)
    seat = cast.take("easy chair", "chair", "loveseat")
    if seat:
        away = side if seat[0].startswith("SOF") else float(rng.choice([-1, 1]))
        y = -rng.uniform(1.7, 2.2) if away == side else -rng.uniform(0.7, 1.6)
        turn = -away * (90 if seat[0].startswith("SOF") else rng.uniform(20, 70))
        cast.place((seat[0], seat[1].turn(turn)), (away * (half + 0.3), y), (away, 0), gap=0.25)
    _rug(cast.room, (rng.uniform(-0.2, 0.2), -bed.size()[1] * 0.75), (2 * half + rng.uniform(0.7, 1.3), 1.8))


def _dining(cast: Cast, side: float, rng: Generator) -> None:
    """A table with chairs on several sides and a lamp above; perhaps a console or a lamp at the wall."""
    console = cast.take("console")
    if console:
        stand_lamp(cast, along_wall(cast, console, side * rng.uniform(0.1, 0.5), rng), side, rng)
    sku, model = cast.need("dining table")
    width, depth, _ = model.size()
    y = -depth / 2 - rng.uniform(1.0, 1.3) - (0.45 if console else 0)
    table = cast.place((sku, model), (0, y))
    spots = [(-width / 4, 0), (width / 4, 0), (0.0, 90), (0.0, -90), (rng.uniform(-0.3, 0.3), 180)]
    for index in rng.permutation(len(spots)):
        chair = cast.take("chair")
        if chair is None:
            break
        shift, turn = spots[index]
        draw_up(cast, chair, table, shift, turn, rng)
    lamp = cast.take("floor lamp")
    if lamp:
        cast.place(lamp, (side * (width / 2 - 0.1), -rng.uniform(0.4, 0.5)), (side, 0), gap=0.05)
    hang(cast, middle(table), rng.uniform(1.3, 1.5))
    _rug(cast.room, middle(table), (width + rng.uniform(0.9, 1.5), depth + rng.uniform(0.9, 1.5)))


def _study(cast: Cast, side: float, rng: Generator) -> None:
    """A desk at the wall with a lamp and a chair; another seat or lamp beside it."""
    desk = along_wall(cast, cast.need("desk"), 0.0, rng)
    work_place(cast, desk, side, rng)
    half = desk.size()[0] / 2
    lamp = cast.take("floor lamp")
    if lamp:
        cast.place(lamp, (-side * half, -rng.uniform(0.35, 0.5)), (-side, 0), gap=0.1)
    seat = cast.take("loveseat")
    if seat:
        cast.place((seat[0], seat[1].turn(-side * 90)), (side * half, -rng.uniform(1.0, 1.5)), (side, 0), gap=0.4)
    _rug(cast.room, (0, -1.3), (rng.uniform(1.8, 2.4), rng.uniform(1.3, 1.8)))


def _kitchen(cast: Cast, side: float, rng: Generator) -> None:
    """Stools at a free-standing counter with a lamp above."""
    wood = str(rng.choice(["oak", "walnut", "painted white", "painted sage", "painted navy", "pine"]))
    width, y = rng.uniform(1.9, 2.3), -rng.uniform(1.0, 1.5)
    counter = props.counter(width, 0.6, 0.94, wood).turn(180).move(y=y)
    cast.room.decor.extend(counter)
    cast.room.space.put(counter)
    for spot in rng.permutation([-0.34, 0.0, 0.34]):
        sku, stool = cast.need("stool")
        start = (width * spot + rng.uniform(-0.08, 0.08), y - 0.2)
        cast.place((sku, stool.turn(180 + rng.uniform(-40, 40))), start, gap=0.05)
    hang(cast, (side * rng.uniform(0, 0.3), y), rng.uniform(1.4, 1.55))
    item = props.vase(rng) if rng.random() < 0.6 else props.books(rng)
    cast.room.decor.extend(item.move(-side * rng.uniform(0.4, 0.7), y + 0.1, 0.94))


def _hall(cast: Cast, side: float, rng: Generator) -> None:
    """A console at the wall with a lamp, and a chair beside it."""
    console = along_wall(cast, cast.need("console"), 0.0, rng)
    stand_lamp(cast, console, side, rng)
    half = console.size()[0] / 2
    sku, chair = cast.need("easy chair")
    cast.place((sku, chair.turn(side * rng.uniform(10, 45))), (-side * half, -rng.uniform(0.6, 0.8)), (-side, 0), 0.1)
    _rug(cast.room, (0, -1.0), (rng.uniform(1.8, 2.4), rng.uniform(1.0, 1.4)))


LAYOUTS = {
    "living": _living,
    "bedroom": _bedroom,
    "dining": _dining,
    "study": _study,
    "kitchen": _kitchen,
    "hall": _hall,
}


def _rug(room: Room, at: tuple[float, float], size: tuple[float, float]) -> None:
    """Now and then a rug, clear of the wall."""
    if room.rng.random() < 0.75:
        depth = min(size[1], 2 * (-at[1] - 0.1))
        room.decor.extend(props.rug(room.rng, size[0], depth).move(*at))


def _dress(room: Room, rng: Generator) -> None:
    """Plants at the wall where there is place, and pictures above the furniture."""
    points = room.points()
    low, high = points.min(axis=0), points.max(axis=0)
    for side in (-1.0, 1.0):
        if rng.random() < 0.6:
            tall = rng.uniform(0.6, 1.1)
            plant = props.plant(rng, tall)
            edge = high[0] if side > 0 else low[0]
            placed = room.space.slide(plant, (float(edge - side * 0.3), -0.32 * tall - 0.1), (side, 0), gap=0.05)
            if placed is not None and np.abs(placed.outline()[:, 0]).max() < np.abs(points[:, 0]).max() + 0.8:
                room.space.put(placed)
                room.decor.extend(placed)
    for _ in range(int(rng.integers(1, 4))):
        wide = rng.uniform(0.3, 0.6)
        print_ = props.picture(rng, wide, wide * rng.uniform(0.75, 1.35))
        across, up = rng.uniform(low[0], high[0]), rng.uniform(1.5, 1.8)
        placed = room.space.slide(print_.move(z=up), (across, -0.06), LEFT, gap=0.1)
        if placed is not None:
            room.space.put(placed)
            room.decor.extend(placed.move(y=0.04))
