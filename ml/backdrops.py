"""The plain backdrops of studio photos. Pixels are (3, height, width), 0 to 1."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST = 16  # pixels of a side: in fewer no backdrop can be told from a product
BACKDROP = 0.04  # how far a pixel may be from the backdrop that the photo's border foretells
PLAIN = 0.8  # the share of the border that must be backdrop: otherwise this is no studio photo
LOOKED_AT = 128  # pixels of the longer side, which tell whether a backdrop is plain

Pixels = NDArray[np.float32]


def has_plain_backdrop(image: Image.Image) -> bool:
    """Whether an RGB photo was taken before a plain backdrop, as in a studio."""
    return backdrop(planes(image, LOOKED_AT)) is not None


def planes(image: Image.Image, side: int) -> Pixels:
    """An RGB photo, scaled down until its longer side has `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side), reducing_gap=2.0)
    return np.ascontiguousarray(np.asarray(small, np.float32).transpose(2, 0, 1)) / np.float32(255)


def backdrop(photo: Pixels) -> Pixels | None:
    """The backdrop's colour everywhere, a quadratic surface through the border's; None when the border is not plain."""
    if min(photo.shape[1:]) < SMALLEST:
        return None
    height, width = photo.shape[1:]
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y]).astype(np.float32)
    border = np.ones((height, width), bool)
    border[3:-3, 3:-3] = False
    known, colours = terms[:, border].T, photo[:, border].T
    near = np.abs(colours - np.median(colours, axis=0)).max(axis=1) < 0.15
    found = np.zeros((6, 3), np.float32)
    for _ in range(3):  # a product that touches the border drops out
        if near.mean() < PLAIN:
            return None
        found = np.linalg.lstsq(known[near], colours[near], rcond=None)[0]
        near = np.abs(known @ found - colours).max(axis=1) < BACKDROP
    if near.mean() < PLAIN:
        return None
    return np.clip(np.tensordot(found.T, terms, 1), 0.05, 1)
