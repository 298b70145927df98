"""Numbers with units as people write them: "1,20 m", "1.200 mm", `18 1/2"`, `5'10"`."""

import re
from collections.abc import Mapping

from catalog.units import UNITS

FRACTIONS = {"½": 0.5, "¼": 0.25, "¾": 0.75}
AMOUNT = r"(?:\d+(?:[.,]\d+)*(?:\s?[½¼¾]|[ -]\d{1,2}/\d{1,2}(?!\d))?|[½¼¾])"
SPELLINGS: Mapping[str, str] = {
    "mm": "mm millimeter millimeters millimetre millimetres millimètre millimètres milímetro milímetros",
    "cm": "cm cms centimeter centimeters centimetre centimetres zentimeter centimètre centimètres centímetro "
    "centímetros",
    "m": "m meter meters metre metres mètre mètres metro metros",
    "in": "in inch inches zoll pouce pouces pulgada pulgadas \" ″ ” “ '' ’’",
    "ft": "ft foot feet fuß pied pieds pie pies ' ′ ’",
    "g": "g gram grams gramme grammes gramm gramo gramos",
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos",
    "lb": "lb lbs pound pounds pfund livre livres libra libras",
}
UNIT_OF = {spelling: unit for unit, spellings in SPELLINGS.items() for spelling in spellings.casefold().split()}
_PARTS = re.compile(r"(?P<whole>\d+(?:[.,]\d+)*)?(?:\s?(?P<sign>[½¼¾])|[ -](?P<over>\d+)/(?P<under>\d+))?")


def amount(text: str, unit: str = "") -> float | None:
    """The number that an AMOUNT stands for; None if it stands for none. `unit`: one of catalog.units, if known."""
    parts = _PARTS.fullmatch(text.strip())
    if not parts:
        return None
    value = _whole(parts["whole"], unit) if parts["whole"] else 0.0
    if value is None:
        return None
    if parts["over"]:
        value += int(parts["over"]) / int(parts["under"]) if int(parts["under"]) else 0.0
    return value + FRACTIONS.get(parts["sign"] or "", 0.0)


def _whole(text: str, unit: str) -> float | None:
    """A point or a comma is the decimal one. In mm, g and without a unit it may part thousands; in lb a comma may.

    None where it may be either, or parts a list: nobody measures thousandths of a cm, so "161,221 cm" are two.
    """
    marks = [mark for mark in text if mark in ".,"]
    if len(marks) > 1:
        if marks[-1] == marks[0]:  # 1.234.567
            if not re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", text):
                return None
            return float(re.sub("[.,]", "", text))
        whole, decimals = text.rsplit(marks[-1], 1)  # 1.234,50
        return float(f"{re.sub('[.,]', '', whole)}.{decimals}")
    if marks and re.fullmatch(r"[1-9]\d*[.,]\d{3}", text):
        parts_thousands = unit in ("mm", "g", "") or (unit == "lb" and marks == [","])
        if parts_thousands and re.fullmatch(r"\d{1,3}[.,]\d{3}", text):
            return float(re.sub("[.,]", "", text))
        if unit == "cm" or (unit == "kg" and marks == [","]):
            return None
    return float(text.replace(",", "."))


def kept(value: float, unit: str) -> float:
    """The value in the unit that its quantity is kept in, without digits that nobody measured."""
    return round(value * UNITS[unit][1], 3)
