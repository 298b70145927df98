"""A product or a prop: meshes paired with material specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .mesh import Array, Mesh, merge

Finish = Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """One mesh of one material; parts out of `frame` (a pendant's cord) do not count for size or framing."""

    mesh: Mesh
    material: str
    frame: bool = True


@dataclass
class Model:
    """An ordered collection of parts, standing on the floor at z = 0 with its front towards -y."""

    parts: list[Part] = field(default_factory=list)

    def add(self, mesh: Mesh | Iterable[Mesh], material: str, frame: bool = True) -> None:
        """Add one mesh or several of the same material."""
        meshes = [mesh] if isinstance(mesh, Mesh) else list(mesh)
        self.parts.extend(Part(item, material, frame) for item in meshes)

    def extend(self, other: Model) -> None:
        """Add all parts of another model."""
        self.parts.extend(other.parts)

    def move(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Model:
        """A copy shifted by the given metres."""
        return Model([Part(part.mesh.move(x, y, z), part.material, part.frame) for part in self.parts])

    def turn(self, degrees: float) -> Model:
        """A copy turned about the vertical axis."""
        return Model([Part(part.mesh.turn("z", degrees), part.material, part.frame) for part in self.parts])

    def outline(self) -> Array:
        """Every framed corner point, (n, 3)."""
        return np.concatenate([part.mesh.points.reshape(-1, 3) for part in self.parts if part.frame])

    def size(self) -> Array:
        """Width, depth and height in metres."""
        points = self.outline()
        return np.asarray(points.max(axis=0) - points.min(axis=0))

    def by_material(self, seed: int) -> dict[str, Mesh]:
        """One mesh per material, each part's texture shifted at random so that no two boards match."""
        rng = np.random.default_rng(seed)
        groups: dict[str, list[Mesh]] = {}
        for part in self.parts:
            shift = rng.uniform(0.0, 1.0, 2)
            mesh = Mesh(part.mesh.points, part.mesh.normals, part.mesh.uv + shift)
            groups.setdefault(part.material, []).append(mesh)
        return {material: merge(meshes) for material, meshes in groups.items()}
