"""From linear light to a saved picture: exposure, tone curve, camera noise and file encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from .mesh import Array

WEBP_QUALITY = 88
KNEE = 0.72


def studio_print(light: Array) -> Image.Image:
    """Expose so that the paper behind the product comes out just under white."""
    border = np.concatenate([light[:40].reshape(-1, 3), light[:, :30].reshape(-1, 3), light[:, -30:].reshape(-1, 3)])
    paper = float(np.percentile(border.mean(axis=1), 60))
    return _picture(light * (0.77 / max(paper, 1e-3)))


def snapshot(light: Array, seed: int) -> Image.Image:
    """Expose like a telephone does, with a small error in exposure and colour, and sensor noise."""
    rng = np.random.default_rng(seed)
    mean = float(np.exp(np.log(light.mean(axis=2) + 0.02).mean()))
    gain = (0.36 / mean) ** 0.85 * 2 ** rng.uniform(-0.3, 0.3)
    balance = np.array([1 + rng.uniform(-0.07, 0.09), 1.0, 1 - rng.uniform(-0.07, 0.09)])
    noise = rng.normal(size=light.shape) * rng.uniform(0.004, 0.012)
    return _picture(light * gain * balance, noise)


def _picture(light: Array, noise: Array | None = None) -> Image.Image:
    """Tone curve with a soft shoulder and sRGB encoding."""
    soft = KNEE + (1 - KNEE) * (1 - np.exp(-(light - KNEE) / (1 - KNEE)))
    tone = np.clip(np.where(light > KNEE, soft, light), 0.0, 1.0)
    srgb = np.where(tone <= 0.0031308, 12.92 * tone, 1.055 * tone ** (1 / 2.4) - 0.055)
    if noise is not None:
        srgb = srgb + noise
    pixels = np.round(np.clip(srgb, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(pixels)


def save(picture: Image.Image, path: Path) -> None:
    """Write WebP through a temporary name, so that an interrupted run leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    picture.save(draft, "WEBP", quality=WEBP_QUALITY, method=6)
    draft.replace(path)
