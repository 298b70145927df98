"""What sizes are called, in English, German, French and Spanish, and the words that say nothing else beside them."""

from collections.abc import Collection, Mapping
from enum import StrEnum


def listed(*lines: str) -> frozenset[str]:
    """The words of some lines, as casefold() leaves them: "maße" is "masse"."""
    return frozenset(" ".join(lines).casefold().split())


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
    Side.WIDTH: "width wide breite breit gesamtbreite largeur large larg anchura ancho",
    Side.DEPTH: "depth deep tiefe tief gesamttiefe profondeur profond prof profundidad profundo fondo",
    Side.HEIGHT: "height high tall höhe hoch gesamthöhe hauteur haut haute ht altura alto alta",
    Side.LENGTH: "length long länge lang gesamtlänge longueur longue longitud largo larga",
    Side.DIAMETER: "diameter diameters dia ø durchmesser diamètre diámetro",
    Side.WEIGHT: "weight weighs gewicht wiegt poids pèse peso pesa",
}
LABELS: Mapping[str, Side] = {word: side for side, words in NAMES.items() for word in words.casefold().split()}
# Letters stand for sides only next to a size. L is in no dictionary: it is a length, or the French largeur.
LETTERS: Mapping[str, Side] = {
    "w": Side.WIDTH,
    "b": Side.WIDTH,
    "d": Side.DEPTH,
    "t": Side.DEPTH,
    "p": Side.DEPTH,
    "h": Side.HEIGHT,
    "an": Side.WIDTH,  # These stand in orders alone: "(an x f x al)".
    "f": Side.DEPTH,
    "al": Side.HEIGHT,
}
ORDER_ALONE = listed("an f al")
# A sentence that says no more than these before a size speaks of the product itself, not of its seat or its drawers.
NEUTRAL = listed(
    "measures measuring measure measurements dimensions dimension size sizes overall total product item approx",
    "approximately about circa roughly is are has the a an it its this with of in and assembled footprint stands",
    "dims dim outer outside external at just only round square oval rectangular extendable extending",
    "maße maßen abmessungen abmessung größe gesamt gesamtmaße produktmaße misst ca etwa ungefähr der die das ist",
    "sind hat mit und von einer einem eine ein er sie es",
    "außenmaße stellmaß stellmaße nur runder rundes ovaler ausziehbar ausziehbarer",
    "mesure mesures mesurant taille environ le la les est sont et de du d avec une un elle il",
    "totales hors tout rond ronde",
    "medidas medida dimensiones tamaño mide aprox aproximadamente el los las es son con y del una",
    "tiene generales redonda redondo",
)
# "This chair is" begins a sentence about the product, whatever its name is.
THIS = listed("this dieser diese dieses ce cet cette este esta")
# Words between the sizes of a list: "a width of 46 cm, a depth of 55 cm".
ARTICLES = listed("a an the einer einem eine ein der die das une un d la le una el")
# After a size these begin what else is said of the same thing: "46 x 55 x 86 cm, made of oak".
GOES_ON = listed("and und et y x with mit avec con or oder ou o made in aus en is ist est es")
# Boxes, insides and beds' mattresses have three sizes of their own: "Carton, 46 x 55 x 86 cm".
CONTAINED = listed(
    "package packaging packed shipping carton box boxes parcel inside interior inner folded mattress mattresses",
    "verpackung verpackungsmaße versand paket karton kartonmaße innen innenmaße liegefläche matratze matratzen",
    "zusammengeklappt",
    "emballage colis carton intérieur plié matelas embalaje paquete caja interior plegado colchón colchones",
)
# Parts, which names of products say as well: "two-seat sofa", "bed with drawers". They are not the whole product.
PARTS = CONTAINED | listed(
    "seat seats seating drawer drawers leg legs arm arms armrest armrests back backrest cushion cushions pillow",
    "pillows shelves cable cord shade shades base door doors slats headboard compartment",
    "sitz sitze sitzer sitzfläche schublade schubladen bein beine füße fuß armlehne armlehnen lehne rückenlehne kissen",
    "kabel schirm lampenschirm tür türen einlegeböden lattenrost",
    "assise places tiroir tiroirs pied pieds accoudoir accoudoirs dossier coussin coussins câble porte portes étagères",
    "sommier asiento asientos plazas cajón cajones pata patas reposabrazos respaldo cojín cojines pantalla",
    "puerta puertas estantes",
)
# A thing that is said to become larger has another size than the one said before.
EXTENDS = listed(
    "extends extended extending extendable extensible expands ausziehbar ausgezogen verlängerbar erweiterbar rallonge",
    "rallonges extensible extendida",
)
# What follows in a name is what the product is sold with, is for, or is made of.
WITH = listed("with for of mit für aus avec pour de con para incl including")
# A sofa bed is as long as a sofa, and its bed has other sizes.
SOFA = listed("sofa couch futon corner canapé sofá")
BED = listed("bed beds bett lit cama")
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
