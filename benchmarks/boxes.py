"""Boxes in photos, as fractions of them."""

from collections.abc import Mapping

from ml.images import Region

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def box_of(row: Mapping[str, str]) -> Box:
    """The box of a row of a table with x, y, width and height."""
    return edges(tuple(float(row[name]) for name in ("x", "y", "width", "height")))


def edges(region: tuple[float, ...]) -> Box:
    x, y, width, height = region
    return x, y, x + width, y + height


def as_region(box: Box) -> Region:
    """Left, top, width and height, as the API takes them."""
    left, top, right, bottom = box
    return left, top, right - left, bottom - top


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def grown(box: Box) -> Box:
    """The box, larger by half of its sides on every side, as far as the photo goes."""
    across, down = (box[2] - box[0]) / 2, (box[3] - box[1]) / 2
    return max(0.0, box[0] - across), max(0.0, box[1] - down), min(1.0, box[2] + across), min(1.0, box[3] + down)


def within(box: Box, region: Box) -> Box:
    """The box, as fractions of a region around it."""
    width, height = region[2] - region[0], region[3] - region[1]
    left, top, right, bottom = box
    return (
        (left - region[0]) / width,
        (top - region[1]) / height,
        (right - region[0]) / width,
        (bottom - region[1]) / height,
    )
