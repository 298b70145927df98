"""Views: a shop's product in a made-up room, as a customer's camera might take it, made of the shop's own photo alone.

The product is cut out of its plain backdrop and put before a wall and a floor, smaller, lit otherwise, and sometimes
partly hidden. Pixels are (3, height, width), 0 to 1. The same state of a generator gives the same view.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml.backdrops import BACKDROP, Pixels, backdrop, planes

# These are first guesses, judged by eye on a sheet of views and not tuned. The rectangles pay: without them a head of
# EfficientNet-Lite0 is right for 0.913 of the sample catalogue's customers' photos instead of 0.947, and with crop and
# light alone for 0.893.
SIDE = 256  # pixels of a view, at least: about what most networks look at
SMOOTH, DEEPEST = 0.02, 0.6  # how much a shadow changes from pixel to pixel, at most, and its darkest
SIZES = (0.5, 1.0)  # the product's longer side, as a share of the view's
HORIZON = (0.45, 0.85)  # where the floor begins, from the top
THINGS, LARGEST = 3, 0.35  # how many things stand about, at most, and their longest side as a share of the view's
LIGHT, BALANCE = 0.3, 0.08  # changes of gamma and exposure, and of each colour by itself, as in ml.augmentation
KEPT = (0.7, 1.0)  # how much of its sides is kept of a photo that is no studio photo


def view(image: Image.Image, random: np.random.Generator, side: int = SIDE) -> Image.Image:
    """The product of an RGB photo in a made-up room, `side` pixels wide and high.

    A photo that has no plain backdrop is only cropped, mirrored and lit otherwise.
    """
    photo = planes(image, side)
    product = cut_out(photo)
    pixels = _cropped(photo, random) if product is None else _in_room(product, random, side)
    if random.random() < 0.5:
        put_thing(pixels, random)
    if random.random() < 0.5:
        pixels = pixels[:, :, ::-1]
    return relit(pixels, random)


@dataclass(frozen=True)
class CutOut:
    """A product without its backdrop."""

    light: Pixels
    """(3, height, width): what the product itself shows; 0 around it."""
    room: Pixels
    """(1, height, width): the share of the room's light that comes through: 0 on the product, less than 1 in its
    shadow."""


def cut_out(photo: Pixels) -> CutOut | None:
    """The product of a photo (3, height, width); None when it has no plain backdrop, or nothing before it."""
    from scipy.ndimage import label  # Slow to import, and few processes make views.

    behind = backdrop(photo)
    if behind is None:
        return None
    lit = photo / behind
    grey = lit.mean(axis=0)
    smooth = np.hypot(*np.gradient(grey)) < SMOOTH
    shadow = smooth & (np.ptp(lit, axis=0) < 2 * SMOOTH) & (grey > DEEPEST)
    regions, _ = label(shadow | (np.abs(photo - behind).max(axis=0) < BACKDROP))
    edge = np.unique(np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]]))
    solid = ~np.isin(regions, edge[edge > 0])
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return None
    box = (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return CutOut((photo * solid)[box], np.where(solid, 0, np.minimum(grey, 1))[np.newaxis][box])


def _in_room(product: CutOut, random: np.random.Generator, side: int) -> Pixels:
    made = room(random, side, side)
    scale = random.uniform(*SIZES) * side / max(product.light.shape[1:])
    height, width = (max(4, round(length * scale)) for length in product.light.shape[1:])
    y, x = random.integers(0, side - height + 1), random.integers(0, side - width + 1)
    paste(product, made, y, x, height, width)
    return made


def paste(product: CutOut, pixels: Pixels, y: int, x: int, height: int, width: int) -> None:
    """Put a product into a room, with its upper left corner at (y, x)."""
    place = pixels[:, y : y + height, x : x + width]
    place[:] = place * resized(product.room, height, width) + resized(product.light, height, width)


def room(random: np.random.Generator, height: int, width: int) -> Pixels:
    """(3, height, width): a wall, a floor and things."""
    horizon = round(random.uniform(*HORIZON) * height)
    made = np.concatenate([_surface(random, horizon, width), _surface(random, height - horizon, width)], axis=1)
    for _ in range(random.integers(0, THINGS + 1)):
        put_thing(made, random)
    return made


def _surface(random: np.random.Generator, height: int, width: int) -> Pixels:
    """(3, height, width): one colour, unevenly lit, with grain or stripes."""
    light = 1 + 0.3 * random.uniform(-1, 1, (1, 2, 2))
    grain = 1 + 0.08 * random.standard_normal((1, *2 ** random.integers(2, 8, 2)))
    return _colour(random) * resized(light, height, width) * resized(grain, height, width)


def _colour(random: np.random.Generator) -> Pixels:
    """(3, 1, 1)"""
    return (random.uniform(0.15, 0.85) + 0.15 * random.uniform(-1, 1, (3, 1, 1))).astype(np.float32)


def put_thing(pixels: Pixels, random: np.random.Generator) -> tuple[slice, slice]:
    """Put a rectangle of one colour somewhere; returns its rows and columns."""
    height, width = pixels.shape[1:]
    tall, wide = (max(1, round(random.uniform(0.1, LARGEST) * side)) for side in (height, width))
    y, x = random.integers(0, height - tall + 1), random.integers(0, width - wide + 1)
    place = slice(y, y + tall), slice(x, x + wide)
    pixels[:, *place] = _colour(random)
    return place


def _cropped(photo: Pixels, random: np.random.Generator) -> Pixels:
    height, width = photo.shape[1:]
    tall, wide = (round(random.uniform(*KEPT) * side) for side in (height, width))
    y, x = random.integers(0, height - tall + 1), random.integers(0, width - wide + 1)
    return photo[:, y : y + tall, x : x + wide].copy()


def relit(pixels: Pixels, random: np.random.Generator) -> Image.Image:
    """Another exposure, contrast (gamma) and white balance."""
    gamma = np.exp(LIGHT * random.uniform(-1, 1))
    gain = (1 + LIGHT * random.uniform(-1, 1)) * (1 + BALANCE * random.uniform(-1, 1, 3))
    levels = gain[:, np.newaxis] * np.linspace(0, 1, 256) ** gamma
    table = np.rint(255 * np.clip(levels, 0, 1)).astype(int).ravel().tolist()
    octets = (255 * np.clip(pixels, 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    return Image.fromarray(np.ascontiguousarray(octets)).point(table)


def resized(pixels: NDArray[np.floating], height: int, width: int) -> Pixels:
    size = (width, height)
    scaled = (Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR) for plane in pixels.astype(np.float32))
    return np.stack([np.asarray(plane) for plane in scaled])
