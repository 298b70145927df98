"""The colours of a product's own pixels: what is left of a studio photo when its backdrop is set aside.

A photo becomes a histogram over boxes of Lab. The five nearest by it name the colour of 0.52 of the sample catalogue's
products. Finer boxes (0.47), blurred ones (0.43) and the shares of the basic colour terms (0.33) name fewer.
"""

from functools import cache

import numpy as np
from PIL import Image

from ml.arrays import Bools, Floats
from ml.backdrops import BACKDROP, Pixels, backdrop, planes
from ml.colour_names import lab, term_shares

EDGES = (np.linspace(0, 100, 8), np.linspace(-60, 60, 9), np.linspace(-60, 80, 9))  # of L, a and b
BOXES = 7 * 8 * 8
SIDE = 96  # pixels of the photo's longer side that are looked at: the boxes' shares hardly change with more
FEWEST = 50  # pixels of a product: with fewer the whole photo is counted
MARGIN = 0.2  # of each side that is left out where no backdrop can be told


def colours(photo: Image.Image) -> Floats:
    """The shares of the product's pixels in each box, (BOXES,), with the sum 1."""
    pixels = planes(photo, SIDE)
    counts, _ = np.histogramdd(_clipped(lab(pixels[:, _own(pixels)].T * 255)), bins=EDGES)
    shares: Floats = (counts.ravel() / counts.sum()).astype(np.float32)
    return shares


def likeness(shares: Floats, others: Floats) -> Floats:
    """How alike colours are, 0 to 1 (Bhattacharyya): (m, BOXES) and (n, BOXES) -> (m, n)."""
    alike: Floats = np.sqrt(shares) @ np.sqrt(others).T
    return alike


def terms(shares: Floats) -> Floats:
    """The shares of the basic colour terms (ml.colour_names.TERMS): (n, BOXES) -> (n, 12)."""
    found: Floats = shares @ _terms_of_boxes()
    return found


def _own(pixels: Pixels) -> Bools:
    """Which pixels are the product's, (height, width): those unlike the backdrop, or those in the middle."""
    behind = backdrop(pixels)
    if behind is None:
        height, width = pixels.shape[1:]
        own = np.zeros((height, width), bool)
        down, across = round(MARGIN * height), round(MARGIN * width)
        own[down : height - down, across : width - across] = True
    else:
        own = np.abs(pixels - behind).max(axis=0) > 2 * BACKDROP
    return own if own.sum() >= FEWEST else np.ones_like(own)


def _clipped(found: Floats) -> Floats:
    clipped: Floats = np.clip(found, [edges[0] for edges in EDGES], [edges[-1] for edges in EDGES])
    return clipped


@cache
def _terms_of_boxes() -> Floats:
    """(BOXES, 12): what the colour in the middle of each box passes for."""
    middles = np.meshgrid(*((edges[:-1] + edges[1:]) / 2 for edges in EDGES), indexing="ij")
    return term_shares(np.stack([middle.ravel() for middle in middles], axis=1))
