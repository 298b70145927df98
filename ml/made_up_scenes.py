"""Made-up scenes: several of a shop's products in one room, with the box of what can be seen of each.

They are what a detector (ml.detector) learns from. Products are cut out of their studio photos and put into a room as
in ml.room_views, at any size, some before others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ml.arrays import Bools, Floats, Ints
from ml.images import Region
from ml.room_views import CutOut, paste, put_thing, relit, resized, room

PRODUCTS = 5  # in a scene, at most
# The longer side of a product, as a share of the scene's width: as often between a tenth and a fifth as between a
# fifth and two fifths.
SIZES = (0.07, 0.8)
TRIES = 8  # places that are tried for a product, until it hides no other
HIDDEN = 0.3  # the share of a product that the next one may hide
SEEN = 0.4  # the share of a product that must be seen: a scene's boxes leave out what is hidden further
SOLID = 0.02  # the share of the room's light that a product's own pixels let through, at most
LEAST = 4  # pixels of a product's sides
COVERED = 0.1  # the share of a place that must show a thing


@dataclass(frozen=True, eq=False)
class Shown:
    """A product in a scene."""

    box: Region
    """Around what can be seen of it."""
    number: int
    """Its place among the cut-outs."""
    seen: Bools
    """(height, width) of the scene: the pixels that show it"""


@dataclass(eq=False)
class _Placed:
    number: int
    seen: Bools
    """(height, width) of the scene"""
    pixels: int
    """How many would be seen of it alone."""


def scene(
    cut_outs: Sequence[CutOut], random: np.random.Generator, height: int, width: int
) -> tuple[Image.Image, list[Shown]]:
    """A scene of one to PRODUCTS of the cut-outs, and what it shows. The same state of a generator gives the same."""
    pixels = room(random, height, width)
    placed: list[_Placed] = []
    for _ in range(random.integers(1, PRODUCTS + 1)):
        _place(int(random.integers(len(cut_outs))), cut_outs, placed, pixels, random)
    if random.random() < 0.5:
        hidden = put_thing(pixels, random)
        for one in placed:
            one.seen[hidden] = False
    if random.random() < 0.5:
        pixels = pixels[:, :, ::-1]
        for one in placed:
            one.seen = one.seen[:, ::-1]
    enough = (one for one in placed if one.seen.sum() > SEEN * one.pixels)
    return relit(pixels, random), [Shown(_box(one.seen), one.number, one.seen) for one in enough]


def owners_of(seen: Sequence[Bools], rows: int, columns: int) -> Ints:
    """Which of the things each place of a map shows, (rows, columns): the one that covers most of it; -1 for none.

    `seen` are masks of the scene's pixels. However small a thing is, one place shows it.
    """
    owners = np.full((rows, columns), -1)
    if not seen:
        return owners
    masks = (Image.fromarray(mask.astype(np.float32)) for mask in seen)
    shares = np.stack([np.asarray(mask.resize((columns, rows), Image.Resampling.BOX)) for mask in masks])
    covered = shares.max(axis=0) >= COVERED
    owners[covered] = shares.argmax(axis=0)[covered]
    for number, share in enumerate(shares):
        owners[np.unravel_index(share.argmax(), share.shape)] = number
    return owners


def _place(
    number: int, cut_outs: Sequence[CutOut], placed: list[_Placed], pixels: Floats, random: np.random.Generator
) -> None:
    """Put a product before those already placed, unless it is too large or would hide one of them."""
    product = cut_outs[number]
    scale = np.exp(random.uniform(*np.log(SIZES))) * pixels.shape[2] / max(product.light.shape[1:])
    height, width = (max(LEAST, round(length * scale)) for length in product.light.shape[1:])
    if height > pixels.shape[1] or width > pixels.shape[2]:
        return
    solid = resized(product.room, height, width)[0] < SOLID
    for _ in range(TRIES):
        y = int(random.integers(0, pixels.shape[1] - height + 1))
        x = int(random.integers(0, pixels.shape[2] - width + 1))
        place = (slice(y, y + height), slice(x, x + width))
        if all((one.seen[place] & solid).sum() <= HIDDEN * one.pixels for one in placed):
            break
    else:
        return
    for one in placed:
        one.seen[place] &= ~solid
    seen = np.zeros(pixels.shape[1:], bool)
    seen[place] = solid
    placed.append(_Placed(number, seen, int(solid.sum())))
    paste(product, pixels, y, x, height, width)


def _box(seen: Bools) -> Region:
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    height, width = seen.shape
    across, down = columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
    return float(columns[0] / width), float(rows[0] / height), float(across / width), float(down / height)
