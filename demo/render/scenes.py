"""The two kinds of picture: a studio shot on seamless paper and a customer's snapshot in a room."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from . import curves, materials, props, shapes, stage, textures
from .mesh import Array, grid
from .model import Model
from .stage import Camera

ROOM_GLOW = 1.3  # how much brighter lamps shine at home than in the studio
SUN_AWAY = 60.0  # metres; near enough for a mesh light, far enough for nearly parallel rays
STUDIO_VIEWS = {  # azimuths in degrees for the two catalogue views
    "floor": (-32.0, 48.0), "wall": (-24.0, 34.0), "tabletop": (-20.0, 35.0), "ceiling": (0.0, 40.0),
}  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """Everything the tracer needs for one picture."""

    entries: dict[str, Any]
    camera: Camera
    seed: int


def seed_of(sku: str, view: str) -> int:
    """A stable seed for one picture of one product."""
    return zlib.crc32(f"{sku}/{view}".encode())


def studio(model: Model, sku: str, view: int, place: str) -> Shot:
    """A catalogue picture: white sweep, large soft lights, contact shadow; `view` is 1 or 2."""
    seed = seed_of(sku, str(view))
    rng = np.random.default_rng(seed)
    azimuth = STUDIO_VIEWS[place][view - 1] + rng.uniform(-8, 8)
    elevation = (rng.uniform(9, 14), rng.uniform(19, 27))[view - 1]
    if place == "ceiling":
        elevation -= 18
    turned = model.turn(-azimuth)
    points = turned.outline()
    scale = float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))
    floor = float(points[:, 2].min()) - (scale if place == "ceiling" else 0.0)
    entries = _studio_lights(scale, float(points[:, 2].mean())) | _seamless(scale, floor)
    entries |= stage.model_shapes(turned, zlib.crc32(sku.encode()), "product")
    camera = stage.fit_camera(points, 0.0, elevation, 26.0, 0.84)
    return Shot(entries, camera, seed)


def _seamless(scale: float, floor: float) -> dict[str, Any]:
    """A white paper sweep: floor, wide bend and wall, sized to the subject."""
    bend = np.array([2.2, 1.6]) * scale + curves.arc(1.6 * scale, -90, 0)
    profile = np.concatenate([[[-9 * scale, 0.0]], bend, [[3.8 * scale, 9 * scale]]])
    rows = [curves.lift(profile, "yz", x) for x in (-9 * scale, 9 * scale)]
    mesh = grid(np.stack(rows)).move(z=floor)
    paper = materials.principled("wall", "", np.full((4, 4, 3), 0.86), 1.0)
    return {"sweep": stage.to_mitsuba("sweep", mesh, paper)}


def _studio_lights(scale: float, height: float) -> dict[str, Any]:
    """A key from the upper left, a weaker fill from the right and an even sky."""
    aim = np.array([0.0, 0.0, height])
    white = np.ones(3)
    key = stage.soft_box("key", aim + scale * np.array([-2.0, -1.6, 2.6]), aim, 2.2 * scale, 2.2 * scale, 5.0 * white)
    fill = stage.soft_box("fill", aim + scale * np.array([2.6, -1.4, 1.0]), aim, 1.6 * scale, 2.4 * scale, 1.6 * white)
    return {"sky": {"type": "constant", "radiance": {"type": "rgb", "value": 0.75}}, "key": key, "fill": fill}


def room(model: Model, sku: str, place: str, with_vase: bool = False) -> Shot:
    """A customer's picture of the product at home: other viewpoint, light, surroundings and framing."""
    seed = seed_of(sku, "query")
    rng = np.random.default_rng(seed)
    side = float(rng.choice([-1, 1]))
    subject = _placed(model, place, rng)
    points = subject.outline()
    wall = float(points[:, 1].max()) + {"wall": 0.04, "tabletop": 0.12}.get(place, rng.uniform(0.35, 0.8))
    yaw = side * rng.uniform(8, 30)
    elevation = {"ceiling": rng.uniform(-10, -2), "tabletop": rng.uniform(4, 14)}.get(place, rng.uniform(10, 20))
    shift = (rng.uniform(-0.12, 0.12), rng.uniform(-0.1, 0.06))
    camera = stage.fit_camera(points, yaw, elevation, rng.uniform(40, 48), rng.uniform(0.62, 0.74), shift)
    camera = Camera(camera.origin, camera.target, camera.fov, rng.uniform(-2, 2))
    entries = daylight(points, wall, rng)
    entries |= stage.model_shapes(subject, zlib.crc32(sku.encode()), "product", ROOM_GLOW)
    entries |= stage.model_shapes(_surroundings(points, wall, place, side, rng, with_vase), seed % 1000, "prop")
    entries |= walls(wall, -side, points, rng)
    return Shot(entries, camera, seed)


def _placed(model: Model, place: str, rng: Generator) -> Model:
    """The product where it would stand or hang in a room."""
    if place == "tabletop":
        return model.turn(rng.uniform(-30, 30)).move(z=0.72)
    if place == "wall":
        return model
    spin = float(rng.choice([-1, 1])) * rng.uniform(12, 55)
    return model.turn(spin).move(z=1.1 if place == "ceiling" else 0.0)


def _surroundings(points: Array, wall: float, place: str, side: float, rng: Generator, with_vase: bool) -> Model:
    """Props beside and behind the product, clear of it."""
    scene = Model()
    low, high = points.min(axis=0), points.max(axis=0)
    centre = (low + high) / 2
    width = float(high[0] - low[0])
    if place == "tabletop":
        wood = str(rng.choice(["oak", "walnut", "painted white", "pine", "painted sage", "black ash"]))
        depth = wall - float(low[1]) + 0.1
        scene.extend(props.sideboard(1.6, depth, 0.72, wood).move(0.25 * side, wall - depth / 2 - 0.01))
        item = props.books(rng) if rng.random() < 0.6 else props.vase(rng, 0.2)
        scene.extend(item.move(side * (width / 2 + 0.2), centre[1], 0.72))
    elif place != "ceiling":
        if rng.random() < 0.6:
            rug = props.rug(rng, width * 1.35 + 0.5, float(high[1] - low[1]) * 1.25 + 0.4)
            scene.extend(rug.move(centre[0], centre[1] - 0.15))
        if rng.random() < 0.75:
            tall = rng.uniform(0.55, 0.85) * max(0.9, min(1.5, float(high[2])))
            at = centre[0] - side * (width / 2 + 0.28 * tall + 0.1)
            scene.extend(props.plant(rng, tall).move(at, wall - 0.32 * tall - 0.05))
    if rng.random() < 0.7:
        wide = rng.uniform(0.3, 0.55)
        above = max(float(high[2]) + 0.12, 1.15) + wide * 0.65
        if place in ("tabletop", "ceiling"):
            above = centre[2] + 0.15
        across = centre[0] + side * (width / 2 + wide / 2 + 0.12) if above < high[2] + 0.3 else centre[0] - 0.2 * side
        scene.extend(props.picture(rng, wide, wide * 1.3).move(across, wall - 0.015, above))
    if with_vase:
        scene.extend(props.vase(rng).move(centre[0] + 0.1 * width * side, centre[1], float(high[2])))
    return scene


def walls(wall: float, side: float, points: Array, rng: Generator) -> dict[str, Any]:
    """A floor, a back wall with skirting and often a side wall at the far side of the view."""
    reach = 9.0
    floor = shapes.box((2 * reach, 2 * reach, 0.02), (0, wall - reach + 0.02, -0.01), grain="x")
    back = shapes.box((2 * reach, 0.02, 2 * reach), (0, wall + 0.01, 0), grain="x")
    paper = _wall_paper(rng)
    entries = {
        "floor": stage.to_mitsuba("floor", floor, _floor_surface(rng)),
        "back": stage.to_mitsuba("back", back, paper),
    }
    skirting = Model()
    skirting.add(shapes.box((2 * reach, 0.016, 0.09), (0, wall - 0.008, 0.045)), "painted white")
    if rng.random() < 0.45:
        extent = float(np.abs(points[:, 0]).max())
        x = side * (extent + rng.uniform(0.9, 1.4))
        flank = shapes.box((0.02, 2 * reach, 2 * reach), (x, wall - reach, 0), grain="y")
        entries["flank"] = stage.to_mitsuba("flank", flank, paper)
        skirting.add(shapes.box((0.016, 2 * reach, 0.09), (x - side * 0.018, wall - reach, 0.045)), "painted white")
    return entries | stage.model_shapes(skirting, 0, "skirting")


WALL_SHADES = ("f0ece2", "e8dfd0", "d5dcd6", "b9c7bd", "c9d3da", "8fa3ad", "e6cfc0", "d9b8a0", "55666b", "3f4f57",
               "e9e4d9", "c8bda9", "a8b5a0", "e3d6a9", "7d5a50", "cfc6d2")  # fmt: skip
FLOORS = ("oak", "walnut", "white oak", "pine", "tiles", "concrete", "carpet")


def _wall_paper(rng: Generator) -> dict[str, Any]:
    """Plain paint, or now and then a striped paper."""
    base = textures.linear(str(rng.choice(WALL_SHADES)))
    if rng.random() < 0.22:
        tile = textures.stripes(base, np.clip(base * rng.uniform(0.72, 0.88), 0, 1), 6, 0.4)
    else:
        tile = textures.mottle(base, 10.0, 0.012, int(rng.integers(1000)))
    return materials.principled("wall", "", tile, 0.9)


def _floor_surface(rng: Generator) -> dict[str, Any]:
    """Boards, tiles, concrete or carpet."""
    kind = str(rng.choice(FLOORS))
    seed = int(rng.integers(1000))
    if kind in materials.WOODS:
        tile, _ = materials.texture(kind)
        assert tile is not None
        return materials.principled(kind, "", textures.planks(tile * rng.uniform(0.75, 1.1), 4, seed), 0.9)
    if kind == "tiles":
        pale, dark = (
            textures.linear(shade) for shade in rng.choice(["d9d4c8", "8d8b85", "b98d72", "4c5356"], 2, False)
        )
        return materials.principled("ceramic", "", textures.tiles(pale, dark, 4, seed), 1.2)
    shade = textures.linear(str(rng.choice(["a9a49b", "8f9390", "b7a892", "6f7478"])))
    if kind == "concrete":
        return materials.principled("concrete", "", textures.mottle(shade, 16.0, 0.06, seed), 1.3)
    return materials.principled("rug", "", textures.mottle(shade, 3.0, 0.16, seed), 0.5)


def daylight(points: Array, wall: float, rng: Generator, window: float = 0.0) -> dict[str, Any]:
    """Window light from one side, sometimes with sun through the bars, over a dim even room light.

    `window` is -1 for light from the left, 1 for the right; 0 leaves that to chance.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    aim = (low + high) / 2
    scale = max(0.8, float(np.linalg.norm(high - low)))
    tint = np.array([(1.0, 0.93, 0.82), (0.86, 0.94, 1.0), (1.0, 0.98, 0.95), (1.0, 0.82, 0.62)][rng.integers(4)])
    side = float(rng.choice([-1, 1]))
    side = window or side
    spot = aim + scale * np.array([side * rng.uniform(1.7, 2.4), -rng.uniform(0.6, 1.6), rng.uniform(0.4, 1.3)])
    entries = {
        "ambient": {"type": "constant", "radiance": {"type": "rgb", "value": rng.uniform(0.16, 0.42)}},
        "window": stage.soft_box("window", spot, aim, 1.5 * scale, 1.7 * scale, tint * rng.uniform(3.5, 7.0)),
    }
    if rng.random() < 0.4:
        entries |= _sunbeam(aim, wall, side, rng)
    return entries


def _sunbeam(aim: Array, wall: float, side: float, rng: Generator) -> dict[str, Any]:
    """Low sun through a barred window, falling beside the product onto wall and floor."""
    ray = np.array([-side * rng.uniform(0.5, 0.8), rng.uniform(0.7, 1.0), -rng.uniform(0.45, 0.7)])
    spot = np.array([aim[0] + side * rng.uniform(0.0, 0.5), wall, aim[2] + rng.uniform(0.1, 0.5)])
    bars = props.window_bars(rng.uniform(0.9, 1.3), rng.uniform(1.3, 1.8), (2, int(rng.integers(2, 4))))
    warm = np.array([1.0, 0.86, 0.66]) * rng.uniform(2.6, 4.4)
    ray /= np.linalg.norm(ray)
    disc = stage.soft_box("sun", spot - ray * SUN_AWAY, spot, 1.6, 1.6, warm * SUN_AWAY**2 / 1.6**2)
    blocker = bars.move(*(spot - ray * 20.0))
    return {"sun": disc, "bars": stage.to_mitsuba("bars", blocker, materials.principled("painted", "grey", None, 1.0))}
