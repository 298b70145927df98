"""From models and lights to a finished picture: scene assembly, camera, path tracing, denoising.

The light transport is scaled to the subject, so a desk lamp and a corner sofa are lit alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import drjit as dr
import mitsuba as mi
import numpy as np
import pyoidn
from numpy.typing import NDArray

from . import materials, textures
from .mesh import Array, Mesh, from_faces
from .model import Model

VARIANT = "llvm_ad_rgb"
RENDER_PIXELS = 400
MAX_DEPTH = 4
GLASS_DEPTH = 9  # each pane takes two bounces, and light gets under it only by chance
SURFACES = 32
LIT = "lit "

Size = tuple[int, int]


@dataclass(frozen=True)
class Camera:
    """A perspective camera; angles in degrees, positions in metres."""

    origin: Array
    target: Array
    fov: float
    roll: float = 0.0


def select_variant(name: str = VARIANT) -> None:
    """Choose the Mitsuba back end once per process."""
    mi.set_variant(name)


def fit_camera(
    points: Array,
    azimuth: float,
    elevation: float,
    fov: float,
    fill: float,
    shift: tuple[float, float] = (0, 0),
    aspect: float = 1.0,
) -> Camera:
    """Aim at the points so that they span `fill` of the frame, off centre by `shift` half-frames.

    `fov` is that of the frame's width, which is `aspect` times its height.  Azimuth 0 looks from the
    front (-y), positive azimuths move the camera to the right.
    """
    a, e = np.radians(azimuth), np.radians(elevation)
    backward = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
    right = np.array([np.cos(a), np.sin(a), 0.0])
    up = np.cross(backward, right)
    target = (points.min(axis=0) + points.max(axis=0)) / 2
    distance = 3 * float(np.linalg.norm(points - target, axis=1).max())
    slope = np.tan(np.radians(fov) / 2)
    for _ in range(12):
        away = points - target
        depth = distance - away @ backward
        plane = np.stack([away @ right / depth, away @ up / depth * aspect], axis=1) / slope
        low, high = plane.min(axis=0), plane.max(axis=0)
        middle = (low + high) / 2 - np.asarray(shift)
        target = target + (right * middle[0] + up * middle[1] / aspect) * distance * slope
        distance *= float((high - low).max()) / 2 / fill
    return Camera(target + backward * distance, target, fov)


def to_mitsuba(name: str, mesh: Mesh, surface: dict[str, Any], glow: dict[str, Any] | None = None) -> Any:
    """A Mitsuba mesh with its surface and, for shining parts, an area light."""
    properties = mi.Properties()
    properties["surface"] = mi.load_dict(surface)
    if glow is not None:
        properties["light"] = mi.load_dict({"type": "area", "radiance": glow})
    count = mesh.points.shape[0]
    shape = mi.Mesh(name, 3 * count, count, properties, has_vertex_normals=True, has_vertex_texcoords=True)
    values = mi.traverse(shape)
    values["vertex_positions"] = mesh.points.astype(np.float32).ravel()
    values["vertex_normals"] = mesh.normals.astype(np.float32).ravel()
    values["vertex_texcoords"] = mesh.uv.astype(np.float32).ravel()
    values["faces"] = np.arange(3 * count, dtype=np.uint32)
    values.update()
    return shape


def model_shapes(model: Model, seed: int, prefix: str, glow: float = 1.0) -> dict[str, Any]:
    """Scene entries for a model; materials named "lit ..." shine with `glow` times their colour."""
    shapes = {}
    for index, (spec, mesh) in enumerate(model.by_material(seed).items()):
        name = f"{prefix}{index}"
        if spec.startswith(LIT):
            kind, colour = materials.split(spec.removeprefix(LIT))
            strength = glow * (7.0 if kind == "bulb" else 0.62)
            radiance = textures.linear(materials.COLOURS[colour]) * np.array([1.0, 0.86, 0.66]) * strength
            surface = materials.principled("paper", colour, None, 1.0)
            shapes[name] = to_mitsuba(name, mesh, surface, {"type": "rgb", "value": radiance.tolist()})
        else:
            shapes[name] = to_mitsuba(name, mesh, materials.bsdf(spec))
    return shapes


def soft_box(name: str, origin: Array, target: Array, width: float, height: float, radiance: Array) -> Any:
    """A rectangular light facing the target, as a mesh: Mitsuba's own rectangle is compiled anew wherever it stands."""
    forward = (target - origin) / np.linalg.norm(target - origin)
    side = np.cross(forward, [0.01, 0.0, 1.0])
    side /= np.linalg.norm(side)
    across, along = side * width / 2, np.cross(side, forward) * height / 2
    corners = origin + np.stack([-across - along, -across + along, across + along, across - along])
    panel = from_faces(corners, [[0, 1, 2], [0, 2, 3]])
    surface = materials.principled("paper", "white", None, 1.0)
    return to_mitsuba(name, panel, surface, {"type": "rgb", "value": radiance.tolist()})


def _fillers(count: int) -> dict[str, Any]:
    """Hidden specks far below the floor that bring every scene to the same number of surfaces.

    Dr.Jit compiles one kernel per number of surfaces; with equal numbers nearly all pictures share one.
    """
    speck = from_faces(np.array([[0, 0, -50], [0.1, 0, -50], [0, 0.1, -50]]), [[0, 1, 2]])
    surfaces = [materials.principled("wall", "white", None, 1.0) for _ in range(count)]
    return {f"filler{k}": to_mitsuba(f"filler{k}", speck, surface) for k, surface in enumerate(surfaces)}


def _sensor(camera: Camera, size: Size) -> dict[str, Any]:
    """Mitsuba's description of a camera with so many pixels across and down."""
    up = mi.ScalarTransform4f().rotate([0, 1, 0], camera.roll) @ mi.ScalarVector3f(0, 0, 1)
    pose = mi.ScalarTransform4f().look_at(list(camera.origin), list(camera.target), up)
    film = {"type": "hdrfilm", "width": size[0], "height": size[1], "rfilter": {"type": "box"},
            "pixel_format": "rgb", "component_format": "float32"}  # fmt: skip
    return {"type": "perspective", "fov": camera.fov, "to_world": pose, "film": film}


def first_met(meshes: Sequence[Mesh], camera: Camera, size: Size) -> NDArray[np.uint32]:
    """Which mesh the ray through the middle of each pixel meets first, (height, width): 1 for the first, 0 for none."""
    surface = materials.principled("paper", "white", None, 1.0)
    entries = {f"mesh{k:03}": to_mitsuba(f"mesh{k:03}", mesh, surface) for k, mesh in enumerate(meshes)}
    scene = mi.load_dict({"type": "scene", "sensor": _sensor(camera, size), **entries})
    across, down = np.meshgrid((np.arange(size[0]) + 0.5) / size[0], (np.arange(size[1]) + 0.5) / size[1])
    pixels = mi.Point2f(across.ravel().astype(np.float32), down.ravel().astype(np.float32))
    rays, _ = scene.sensors()[0].sample_ray(0, 0, pixels, mi.Point2f(0.5, 0.5))
    met = np.array(dr.reinterpret_array(mi.UInt32, scene.ray_intersect_preliminary(rays).shape))
    number = {int(dr.reinterpret_array(mi.UInt32, mi.ShapePtr(shape))[0]): shape.id() for shape in scene.shapes()}
    found = np.zeros(max(number) + 1, dtype=np.uint32)
    for index, name in number.items():
        found[index] = int(name.removeprefix("mesh")) + 1
    return np.asarray(found[met].reshape(size[1], size[0]))


def trace(
    entries: dict[str, Any],
    camera: Camera,
    samples: int,
    seed: int,
    glass: bool = False,
    size: Size = (RENDER_PIXELS, RENDER_PIXELS),
    surfaces: int = SURFACES,
) -> Array:
    """Render linear RGB, (height, width, 3), and denoise it with albedo and normals."""
    meshes = sum(isinstance(entry, mi.Mesh) for entry in entries.values())
    entries = entries | _fillers(surfaces - meshes)
    sensor = _sensor(camera, size)
    path = {"type": "path", "max_depth": GLASS_DEPTH if glass else MAX_DEPTH, "rr_depth": 9 if glass else 3}
    integrator = {"type": "aov", "aovs": "albedo:albedo,normal:sh_normal", "inner": path}
    scene = mi.load_dict({"type": "scene", "integrator": integrator, "sensor": sensor, **entries})
    layers = np.array(mi.render(scene, spp=samples, seed=mi.UInt32(seed)), dtype=np.float32)
    layers = np.nan_to_num(layers, posinf=0.0, neginf=0.0)
    colour, albedo, normal = layers[..., :3], layers[..., 3:6], layers[..., 6:9]
    return np.asarray(pyoidn.denoise(colour, albedo=np.clip(albedo, 0, 1), normal=normal, hdr=True))
