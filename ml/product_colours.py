"""The colours of a product's own pixels: what is left of a studio photo when its backdrop is set aside.

A photo becomes shares twice: of boxes of Lab, by which photos are compared, and of the basic colour terms.
"""

from functools import cache

import numpy as np
from PIL import Image

from ml.arrays import Bools, Floats
from ml.backdrops import BACKDROP, Pixels, backdrop, planes
from ml.colour_names import TERMS, lab, term_shares

# Of L, a and b. The outermost boxes hold what lies beyond as well: few products are so colourful.
EDGES = (np.linspace(0, 100, 8), np.linspace(-60, 60, 9), np.linspace(-60, 80, 9))
BOXES = 7 * 8 * 8
SHARES = BOXES + len(TERMS)
SIDE = 96  # pixels of the photo's longer side that are looked at: the boxes' shares hardly change with more
FEWEST = 50  # pixels of a product: with fewer the whole photo is counted
MARGIN = 0.2  # of each side that is left out where no backdrop can be told
USUAL = 0.05  # Added to a term's usual share, so that a rare one's least trace tells little.
LEVELS = 32  # of each of red, green and blue, for which a table tells the terms


def colours(photo: Image.Image) -> Floats:
    """The shares of the product's pixels in each box, then of each colour term, (SHARES,); either sum is 1."""
    pixels = planes(photo, SIDE)
    own = pixels[:, _own(pixels)].T * 255
    counts, _ = np.histogramdd(_clipped(lab(own)), bins=EDGES)
    red, green, blue = np.minimum(own * LEVELS // 256, LEVELS - 1).astype(np.int64).T
    found = _terms_of_levels()[(red * LEVELS + green) * LEVELS + blue].mean(axis=0)
    shares: Floats = np.concatenate([counts.ravel() / counts.sum(), found]).astype(np.float32)
    return shares


def likeness(shares: Floats, others: Floats) -> Floats:
    """How alike colours are, 0 to 1 (Bhattacharyya, over the boxes): (m, SHARES) and (n, SHARES) -> (m, n)."""
    alike: Floats = np.sqrt(shares[:, :BOXES]) @ np.sqrt(others[:, :BOXES]).T
    return alike


def terms(shares: Floats) -> Floats:
    """The shares of the colour terms (ml.colour_names.TERMS): (n, SHARES) -> (n, 12)."""
    return shares[:, BOXES:]


def lifts(shares: Floats, usual: Floats) -> Floats:
    """By how many times a product has more of each colour term than products usually have: (SHARES,) -> (12,).

    Args:
        usual: the mean share of each term, (12,).
    """
    lifted: Floats = shares[BOXES:] / (usual + USUAL)
    return lifted


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
def _terms_of_levels() -> Floats:
    """(LEVELS³, 12): what each shade of red, green and blue passes for."""
    levels = (np.arange(LEVELS) + 0.5) * 256 / LEVELS
    shades = lab(np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3))
    return np.concatenate([term_shares(part) for part in np.array_split(shades, LEVELS)]).astype(np.float32)
