"""Seamless procedural textures as linear RGB arrays (rows along v, columns along u).

Each function returns one tile; the tile's size in metres is given in `materials.py`.
"""

from __future__ import annotations

import numpy as np

from .mesh import Array

SIZE = 512


def linear(hex_colour: str) -> Array:
    """The linear RGB values of an sRGB colour such as "c8a27a"."""
    srgb = np.array([int(hex_colour[i : i + 2], 16) / 255 for i in (0, 2, 4)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def noise(across: float, along: float, seed: int, shape: tuple[int, int] = (SIZE, SIZE)) -> Array:
    """Tileable Gaussian noise of unit variance; correlation lengths in pixels down (v) and right (u)."""
    rng = np.random.default_rng(seed)
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    low_pass = np.exp(-2 * np.pi**2 * ((fy * across) ** 2 + (fx * along) ** 2) / 4)
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * low_pass).real
    return np.asarray((field - field.mean()) / field.std())


def _tint(colour: Array, factor: Array) -> Array:
    """A colour darkened or lightened by a field around one."""
    return np.clip(colour[None, None] * factor[..., None], 0.0, 1.0)


def wood(colour: Array, dark: Array, rings: int, contrast: float, seed: int) -> Array:
    """Plain-sawn wood with its grain along u: wavering rings, fibres and pores."""
    v = np.arange(SIZE)[:, None] / SIZE
    sway = 0.06 * noise(80, 330, seed) + 0.02 * noise(18, 200, seed + 1)
    ring = 0.5 + 0.5 * np.sin(2 * np.pi * rings * (v + sway))
    fibre = noise(1.6, 60, seed + 2)
    pores = np.clip(noise(1.2, 16, seed + 3) - 1.3, 0, 2)
    mix = np.clip(contrast * (0.75 * ring**2 + 0.16 * fibre + 0.35 * pores), 0, 1)
    return np.asarray(colour * (1 - mix[..., None]) + dark * mix[..., None])


def weave(colour: Array, threads: int, contrast: float, seed: int) -> Array:
    """Plain weave with slubs in both directions."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    checks = np.sin(2 * np.pi * threads * x) * np.sin(2 * np.pi * threads * y)
    slubs = noise(1.5, 40, seed) + noise(40, 1.5, seed + 1) + 0.5 * noise(30, 30, seed + 2)
    return _tint(colour, 1 + contrast * (0.5 * checks + 0.45 * slubs))


def mottle(colour: Array, grain: float, contrast: float, seed: int) -> Array:
    """Soft irregular shading: leather, velvet nap, plaster, boucle."""
    field = 0.7 * noise(grain, grain, seed) + 0.5 * noise(grain * 4, grain * 4, seed + 1)
    return _tint(colour, 1 + contrast * field)


def marble(colour: Array, vein: Array, seed: int) -> Array:
    """Veins where warped noise passes zero, over a softly clouded ground."""
    warp = noise(50, 50, seed) + 0.5 * noise(18, 18, seed + 1)
    sharp = np.exp(-np.abs(warp + 0.3 * noise(90, 30, seed + 2)) * 16)
    faint = 0.35 * np.exp(-np.abs(noise(34, 60, seed + 3)) * 9)
    mix = np.clip(0.75 * sharp + faint + 0.08 * noise(60, 60, seed + 4), 0, 1)[..., None]
    return np.asarray(colour * (1 - mix) + vein * mix)


def stripes(first: Array, second: Array, count: int, share: float) -> Array:
    """Upright stripes; `share` of each pitch has the second colour."""
    u = (np.arange(SIZE) / SIZE * count) % 1.0
    mask = np.repeat((u < share)[None, :], SIZE, axis=0)[..., None]
    return np.where(mask, second, first)


def planks(tile: Array, rows: int, seed: int) -> Array:
    """A floor of boards: the given wood cut into staggered planks with dark joints."""
    rng = np.random.default_rng(seed)
    out = np.empty_like(tile)
    height = SIZE // rows
    for row in range(rows):
        band = slice(row * height, (row + 1) * height)
        joint = int(rng.integers(SIZE))
        for part, shade in enumerate(rng.uniform(0.82, 1.12, 2)):
            columns = (np.arange(SIZE // 2) + joint + part * SIZE // 2) % SIZE
            source = np.roll(tile, int(rng.integers(SIZE)), axis=0)[band]
            out[band, columns] = source[:, columns] * shade
            out[band, columns[:2]] *= 0.45
        out[row * height : row * height + 2] *= 0.45
    return np.asarray(np.clip(out, 0, 1))


def tiles(first: Array, second: Array, count: int, seed: int) -> Array:
    """Square floor tiles in two colours, chequered, with pale joints."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE * count
    odd = ((x.astype(int) + y.astype(int)) % 2)[..., None]
    field = np.where(odd > 0, second, first) * (1 + 0.05 * noise(25, 25, seed))[..., None]
    joint = (np.minimum(x % 1, y % 1) < 0.025)[..., None]
    return np.asarray(np.clip(np.where(joint, 0.55, field), 0, 1))


def lattice(strands: int) -> Array:
    """Opacity of woven cane: two upright and level pairs crossed by diagonals, one where there is cane."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE * strands
    level = (np.abs(y % 1 - 0.5) > 0.36) | (np.abs(x % 1 - 0.5) > 0.36)
    diagonal = (np.abs((x + y) % 1 - 0.5) < 0.13) | (np.abs((x - y) % 1 - 0.5) < 0.13)
    return np.where(level | diagonal, 1.0, 0.0)
