"""What sizes are called, in English, German, French and Spanish, and the words that say nothing else beside them."""

from collections.abc import Collection, Mapping
from enum import StrEnum


def listed(*lines: str) -> frozenset[str]:
    """The words of some lines."""
    return frozenset(" ".join(lines).split())


class Side(StrEnum):
    """What is measured."""

    WIDTH = "width"
    DEPTH = "depth"
    HEIGHT = "height"
    LENGTH = "length"
    DIAMETER = "diameter"
    WEIGHT = "weight"


# The order of sizes that nothing names.
UNNAMED = (Side.WIDTH, Side.DEPTH, Side.HEIGHT)
NAMES: Mapping[Side, str] = {
    Side.WIDTH: "width wide breite breit gesamtbreite largeur large anchura ancho",
    Side.DEPTH: "depth deep tiefe tief gesamttiefe profondeur profond profundidad profundo fondo",
    Side.HEIGHT: "height high tall höhe hoch gesamthöhe hauteur haut haute altura alto alta",
    Side.LENGTH: "length long länge lang gesamtlänge longueur longue longitud largo larga",
    Side.DIAMETER: "diameter diameters dia ø durchmesser diamètre diámetro",
    Side.WEIGHT: "weight weighs gewicht wiegt poids pèse peso pesa",
}
LABELS: Mapping[str, Side] = {word: side for side, words in NAMES.items() for word in words.split()}
# Letters stand for sides only next to a size. L is in no dictionary: it is a length, or the French largeur.
LETTERS: Mapping[str, Side] = {
    "w": Side.WIDTH,
    "b": Side.WIDTH,
    "d": Side.DEPTH,
    "t": Side.DEPTH,
    "p": Side.DEPTH,
    "h": Side.HEIGHT,
}
# A sentence that says no more than these before a size speaks of the product itself, not of its seat or its drawers.
NEUTRAL = listed(
    "measures measuring measure measurements dimensions dimension size sizes overall total product item approx",
    "approximately about circa roughly is are the a an it its this with of in and",
    "maße masse maßen abmessungen abmessung größe gesamt gesamtmaße produktmaße misst ca etwa ungefähr der die das ist",
    "sind mit und",
    "mesure mesures mesurant taille environ le la les est sont et de du avec",
    "medidas medida dimensiones tamaño mide aprox aproximadamente el los las es son con y del",
)
TIMES = listed("x × * by mal sur por")
UP_TO = listed("- – — to bis à a hasta")


def sides(labels: Collection[str]) -> list[Side] | None:
    """What each of the labels of one size stands for; None if one stands for nothing, or two for the same."""
    letters = {label for label in labels if len(label) == 1}
    found = [_side(label, letters) for label in labels]
    known = [side for side in found if side]
    return known if len(set(known)) == len(labels) else None


def _side(label: str, letters: Collection[str]) -> Side | None:
    folded = label.casefold()
    if folded in LABELS:
        return LABELS[folded]
    folds = {letter.casefold() for letter in letters}
    if label == "l" and "L" in letters:  # French: L x l x H.
        return Side.WIDTH
    if folded == "l":
        return Side.LENGTH if folds & {"w", "b"} or {"l", "L"} <= set(letters) else Side.WIDTH
    if folded == "d" and not folds & {"w", "b", "l"}:
        return Side.DIAMETER
    return LETTERS.get(folded)
