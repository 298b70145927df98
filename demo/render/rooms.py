"""Pictures of rooms that hold several products, with the box of each as the camera sees it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from . import develop, scenes, stage
from .furnish import furnish
from .mesh import Array, merge
from .model import Model
from .pictures import GLASS_SAMPLES
from .placing import NoPlaceError, Room
from .plans import Plan
from .products import Product
from .stage import Camera, Size

SIZE = (800, 600)
DRAFT = (400, 300)  # for looking at who hides whom; boxes are measured at twice the size
SURFACES = 96
PATHS = 0.5  # times the usual number: with three times the pixels the denoiser has as much to go by
LEAST_SHARE = 0.55  # of a product's silhouette that must be seen; less is no fair example
LEAST_EDGE = 0.08  # of the picture's shorter side, for either edge of a box
LAYOUTS, CAMERAS = 12, 5  # how many are tried before the best is taken


Row = dict[str, str]


@dataclass(frozen=True)
class RoomJob:
    """One room to render, with the products of its plan."""

    plan: Plan
    products: Mapping[str, Product]
    path: Path
    samples: int


@dataclass(frozen=True)
class View:
    """What the camera sees of each product: its box (x, y, width, height) in fractions, and its visible share."""

    boxes: Mapping[str, tuple[float, float, float, float]]
    shares: Mapping[str, float]

    @property
    def worth(self) -> float:
        """How well the worst shown product is seen; one or more will do."""
        aspect = SIZE[0] / SIZE[1]
        edges = [min(width * aspect, height) for _, _, width, height in self.boxes.values()]
        return min(min(self.shares.values()) / LEAST_SHARE, min(edges) / LEAST_EDGE)


def path(out: Path, name: str) -> Path:
    """Where a room's picture belongs below the demo folder."""
    return out / "rooms" / f"{name}.webp"


def render(job: RoomJob) -> list[Row]:
    """Render, develop and save a room; returns its lines of `rooms.csv`."""
    seed = zlib.crc32(job.plan.name.encode())
    room, camera, yaw = arrange(job.plan, {sku: product.model() for sku, product in job.products.items()}, seed)
    points = room.points()
    rng = np.random.default_rng([seed, 1])
    entries = scenes.daylight(points, 0.0, rng, window=np.sign(yaw)) | scenes.walls(0.0, -np.sign(yaw), points, rng)
    for number, (sku, model) in enumerate(room.products.items()):
        entries |= stage.model_shapes(model, zlib.crc32(sku.encode()), f"product{number}-", scenes.ROOM_GLOW)
    entries |= stage.model_shapes(room.decor, seed % 1000, "prop")
    glass = any(part.material.startswith("glass") for model in room.products.values() for part in model.parts)
    samples = max(1, round(job.samples * PATHS * (GLASS_SAMPLES if glass else 1)))
    light = stage.trace(entries, camera, samples, seed, glass, SIZE, SURFACES)
    develop.save(develop.snapshot(light, seed), job.path)
    return _rows(job, look(room, camera, (2 * SIZE[0], 2 * SIZE[1])))


def arrange(plan: Plan, models: Mapping[str, Model], seed: int) -> tuple[Room, Camera, float]:
    """The first layout and camera that show every product well enough, else the best; and the camera's azimuth."""
    best: tuple[float, Room, Camera, float] | None = None
    for layout in range(LAYOUTS):
        rng = np.random.default_rng([seed, 0, layout])
        try:
            room = furnish(plan, models, rng)
        except NoPlaceError:
            continue
        for _ in range(CAMERAS):
            camera, yaw = _camera(room.points(), rng)
            worth = look(room, camera, DRAFT).worth
            if best is None or worth > best[0]:
                best = worth, room, camera, yaw
            if worth >= 1:
                return best[1:]
    if best is None:
        raise NoPlaceError(plan.name)
    print(f"{plan.name}: a product is hidden or small ({best[0]:.2f} of what is asked)")
    return best[1:]


def _camera(points: Array, rng: Generator) -> tuple[Camera, float]:
    """Somebody's telephone at about eye level, and its azimuth."""
    yaw = float(rng.choice([-1, 1])) * rng.uniform(6, 34)
    fov, shift = rng.uniform(54, 66), (rng.uniform(-0.05, 0.05), rng.uniform(-0.1, 0.04))
    camera = stage.fit_camera(points, yaw, rng.uniform(6, 13), fov, rng.uniform(0.78, 0.92), shift, SIZE[0] / SIZE[1])
    return Camera(camera.origin, camera.target, camera.fov, rng.uniform(-1.5, 1.5)), yaw


def look(room: Room, camera: Camera, size: Size) -> View:
    """Measure, by first hits of rays, the visible box of each product and how much of its silhouette is visible."""
    bodies = [merge([part.mesh for part in model.parts if part.frame]) for model in room.products.values()]
    # What else stands in the way; a pendant's cord is no part of its box.
    rest = [part.mesh for part in room.decor.parts]
    rest += [part.mesh for model in room.products.values() for part in model.parts if not part.frame]
    seen = stage.first_met([*bodies, *([merge(rest)] if rest else [])], camera, size)
    slope = 2 * np.tan(np.radians(camera.fov) / 2)
    wide = Camera(camera.origin, camera.target, float(np.degrees(2 * np.arctan(slope))), camera.roll)
    boxes, shares = {}, {}
    for number, (sku, body) in enumerate(zip(room.products, bodies, strict=True), start=1):
        mask = seen == number
        # The wide camera has as many pixels to the degree, and sees what the picture's edge cuts off.
        whole = int((stage.first_met([body], wide, (2 * size[0], 2 * size[1])) > 0).sum())
        boxes[sku] = _box(mask)
        shares[sku] = float(mask.sum()) / max(whole, 1)
    return View(boxes, shares)


def _box(mask: Array) -> tuple[float, float, float, float]:
    """The smallest box around a mask's pixels, as x, y, width and height in fractions of the picture."""
    down, across = mask.any(axis=1).nonzero()[0], mask.any(axis=0).nonzero()[0]
    if not len(down):
        return 0.0, 0.0, 0.0, 0.0
    height, width = mask.shape
    x, y = across[0] / width, down[0] / height
    return x, y, (across[-1] + 1) / width - x, (down[-1] + 1) / height - y


def _rows(job: RoomJob, view: View) -> list[Row]:
    """The lines of `rooms.csv` for one picture."""
    return [
        {"image": job.path.name, "sku": sku, "category": job.products[sku].category}
        | {name: f"{value:.4f}" for name, value in zip(("x", "y", "width", "height"), box, strict=True)}
        for sku, box in view.boxes.items()
    ]
