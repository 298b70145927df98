"""Contact sheets for looking a whole range over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

CELL = 200
COLUMNS = 9
CAPTION = 14


def contact_sheet(pictures: Sequence[tuple[str, Path]], target: Path) -> None:
    """Paste captioned thumbnails of all pictures that exist, in rows, into one image file."""
    present = [(caption, path) for caption, path in pictures if path.exists()]
    rows = -(-len(present) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * CELL, max(rows, 1) * (CELL + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (caption, path) in enumerate(present):
        x, y = index % COLUMNS * CELL, index // COLUMNS * (CELL + CAPTION)
        with Image.open(path) as picture:
            sheet.paste(ImageOps.pad(picture.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS, "white"), (x, y))
        pen.text((x + 3, y + CELL + 1), caption, fill="black")
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
