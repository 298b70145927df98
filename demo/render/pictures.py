"""One picture from start to end: build the scene, render, develop, save."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import develop, scenes, stage
from .products import Product

GLASS_SAMPLES = 4  # times the usual number: light through panes is noisy


@dataclass(frozen=True)
class Job:
    """One picture to render."""

    product: Product
    view: str
    path: Path
    samples: int


def picture_path(out: Path, sku: str, view: str) -> Path:
    """Where a picture belongs below the demo folder."""
    return out / "queries" / f"{sku}.webp" if view == "query" else out / "catalog" / "photos" / f"{sku}-{view}.webp"


def render(job: Job) -> None:
    """Render, develop and save one picture."""
    product = job.product
    model = product.model()
    if job.view == "query":
        shot = scenes.room(
            model, product.sku, product.place, with_vase=product.category == "table" and not product.bare
        )
    else:
        shot = scenes.studio(model, product.sku, int(job.view), product.place)
    glass = any(part.material.startswith("glass") for part in model.parts)
    samples = job.samples * (GLASS_SAMPLES if glass else 1)
    light = stage.trace(shot.entries, shot.camera, samples, shot.seed, glass)
    picture = develop.snapshot(light, shot.seed) if job.view == "query" else develop.studio_print(light)
    develop.save(picture, job.path)
