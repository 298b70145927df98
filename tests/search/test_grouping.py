"""Ranked rows, grouped by a key and by the picture that they show."""

from itertools import starmap
from typing import NamedTuple

from ml.images import FINGERPRINT_BYTES, SAME_PICTURE
from search import grouping


class Seen(NamedTuple):
    """A row that shows a picture."""

    place: int
    fingerprint: bytes


def plain(value: int) -> bytes:
    """The fingerprint of a grey picture with a black and a white spot."""
    return bytes([0, 255, *[value] * (FINGERPRINT_BYTES - 2)])


def shown(*fingerprints: bytes) -> list[int | None]:
    """For each photo that shows a picture met before, the number of that picture; None for a new picture."""
    pictures = grouping.by_picture([*starmap(Seen, enumerate(fingerprints))], len(fingerprints), len(fingerprints))
    numbers = {row.place: number for number, picture in enumerate(pictures) for row in picture[1:]}
    return [numbers.get(place) for place in range(len(fingerprints))]


def test_the_first_of_the_same_picture_is_named():
    met = [plain(0), b"", plain(100), plain(102 + SAME_PICTURE)]
    assert shown(*met, plain(100 + SAME_PICTURE)) == [None, None, None, None, 2]
    assert shown(*met, plain(101 + SAME_PICTURE)) == [None, None, None, None, 3]
    assert shown(*met, plain(103 + 2 * SAME_PICTURE)) == [None] * 5
    assert shown(*met, plain(100 - SAME_PICTURE)) == [None, None, None, None, 2]


def test_a_picture_is_what_its_first_photo_shows():
    greys = [plain(100 + n * SAME_PICTURE) for n in range(4)]
    assert shown(*greys) == [None, 0, None, 1]


def test_one_cell_that_differs_makes_another_picture():
    spot = bytearray(plain(100))
    spot[400] += SAME_PICTURE + 1
    assert shown(plain(100), bytes(spot)) == [None, None]


def test_pale_pictures_have_to_differ_less_to_be_the_same():
    """Measured: a thin necklace on white differs from another one by 9 and from a blank page by 7."""
    blank = bytes([255]) * FINGERPRINT_BYTES
    necklace = bytes([*[235] * 40, *blank[40:]])
    other = bytes([*blank[:-40], *[246] * 40])
    assert shown(blank, other, necklace) == [None, None, None]
    assert shown(necklace, bytes([*[232] * 40, *blank[40:]])) == [None, 0]
    assert shown(blank, blank) == [None, 0]


def test_without_a_fingerprint_nothing_is_the_same():
    assert shown(plain(0), b"", b"", plain(0)) == [None, None, None, 0]
    assert shown(b"") == [None]
    assert shown() == []


def test_the_first_row_of_each_key_stays_in_its_place():
    ranked = ["sofa red", "bed red", "sofa blue", "bed green", "lamp red"]
    product, colour = (lambda row: row.split()[0]), (lambda row: row.split()[1])
    assert grouping.first_of_each(ranked, product) == ["sofa red", "bed red", "lamp red"]
    assert grouping.first_of_each(ranked, colour) == ["sofa red", "sofa blue", "bed green"]
    assert grouping.first_of_each([], product) == []


def test_behind_the_last_picture_wanted_only_known_ones_are_shown_and_each_by_so_many_rows():
    shades = [plain(value) for value in (0, 100, 0, 200, 100, 0)]
    pictures = grouping.by_picture([*starmap(Seen, enumerate(shades))], 2, 2)
    assert [[row.place for row in picture] for picture in pictures] == [[0, 2], [1, 4]]
