"""The names that people give colours, and the twelve basic ones that they all come down to.

ml/colour_names.csv holds those of the xkcd colour survey (Munroe 2010, https://xkcd.com/color/rgb.txt, CC0) that can be
said in a shop, without those that are materials there, such as pine, and nine of the trade that it lacks, such as
cognac. Colours are CIELAB under D65: L from 0 to 100, a
and b from about -100 to 100.
"""

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from ml.arrays import Floats, Ints

# Berlin and Kay's eleven (1969), and the one that furniture cannot do without.
TERMS = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "beige",
)  # fmt: skip
SPELLINGS = {"gray": "grey", "violet": "purple"}
# How far a name's colour reaches, in units of Lab: about as far as people still use the same name.
REACH = 10.0
# A colour passes for a term that has this share of the names around it: teal for blue and for green.
LEAST_SHARE = 0.3
_RGB_TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.089])


def lab(rgb: Floats) -> Floats:
    """sRGB of 0 to 255, (..., 3) -> Lab (..., 3)."""
    share = np.asarray(rgb, np.float64) / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    xyz = linear @ _RGB_TO_XYZ.T / _WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def hex_lab(rgb: str) -> Floats:
    """ "#a05c33" as Lab, (3,)."""
    return lab(np.array(list(bytes.fromhex(rgb.removeprefix("#"))), np.float64))


@cache
def names() -> Mapping[str, Floats]:
    """The Lab of each name, (3,)."""
    with Path(__file__).with_name("colour_names.csv").open() as file:
        return {row["name"]: hex_lab(row["rgb"]) for row in csv.DictReader(file)}


def named(name: str) -> Floats | None:
    """The colour of a name, (3,); None if it is no colour's."""
    return names().get(_spelled(name))


def terms_of(name: str) -> frozenset[str]:
    """The basic terms that a name passes for: "light grey" and "slate" for grey. None for a name of no colour."""
    spelled = _spelled(name)
    if (last := spelled.rpartition(" ")[2]) in TERMS:
        return frozenset([last])
    if (colour := named(spelled)) is None:
        return frozenset()
    (shares,) = term_shares(colour[np.newaxis])
    return frozenset(term for term, share in zip(TERMS, shares.tolist(), strict=True) if share >= LEAST_SHARE)


def term_shares(colours: Floats) -> Floats:
    """How far each colour passes for each of the TERMS: Lab (n, 3) -> (n, 12), each row with the sum 1.

    A term's share grows with the names around the colour that end with it, as many as the term has being one.
    """
    known, terms = _samples()
    distances = np.linalg.norm(np.asarray(colours)[:, np.newaxis] - known, axis=2)
    logs = -(distances**2) / (2 * REACH**2)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True)) / np.bincount(terms)[terms]
    sums = np.stack([weights[:, terms == term].sum(axis=1) for term in range(len(TERMS))], axis=1)
    shares: Floats = sums / sums.sum(axis=1, keepdims=True)
    return shares


@cache
def _samples() -> tuple[Floats, Ints]:
    """The names that end with a term: their Lab (n, 3), and the term's place, (n,)."""
    found = [(colour, name.rpartition(" ")[2]) for name, colour in names().items()]
    ending = [(colour, TERMS.index(last)) for colour, last in found if last in TERMS]
    return np.array([colour for colour, _ in ending]), np.array([term for _, term in ending])


def _spelled(name: str) -> str:
    words = name.lower().replace("-", " ").split()
    return " ".join(SPELLINGS.get(word, word) for word in words)
