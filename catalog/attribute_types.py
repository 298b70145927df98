"""What the values of an attribute are: text, a number with its unit, sizes, or yes and no.

A name may say it, such as "width_cm" or "Breite (mm)". Otherwise the values that products have do, once a worker has
looked at them (catalog.product_numbers.refresh). What staff chose stands.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils.text import Truncator, slugify
from rest_framework.serializers import BooleanField

from catalog.measures import sizes
from catalog.measures.labels import LABELS, NEUTRAL, Side, listed
from catalog.measures.quantities import AMOUNT, UNIT_OF, amount, kept
from catalog.models import MAX_SAMPLES, AttributeType, Product
from catalog.units import UNITS, kept_in
from catalog.validators import MAX_KEY_LENGTH

Kind = AttributeType.Kind

# The commonest values of an attribute, which tell what it is.
MOST_VALUES = 200
SAMPLES = 5
# A share of products: a slip or two among a thousand values do not make a number a text.
NEARLY_ALL = 0.95
# Where the name says a unit, "width_cm", so many numbers are enough: the others are "n/a" and slips.
MOST = 0.5
# Codes that look like numbers and measure nothing.
CODES = listed(
    "id sku gtin gtin8 gtin12 gtin13 gtin14 ean ean13 upc isbn mpn barcode asin model number nr no year code",
    "ref reference référence referencia article artikel artikelnummer modell modèle modelo zip plz phone",
    "part partnumber itemnumber hs ral care",
)
SIZES = listed(
    "size sizes dimension dimensions measurements measures maße masse abmessungen größe taille medidas tamaño",
    "dimensiones",
)
# These are units behind what is measured alone: "width_in", but not "made in".
WORDS_TOO = listed("in m g foot pied pie libra livre pound")
MEASURED = {*LABELS, *listed("thickness diagonal circumference stärke dicke umfang épaisseur grosor espesor")}
# `price_min` and `price_max` ask for the price itself.
TAKEN = frozenset({"price"})
LATIN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
LONGEST_NUMBER = 7  # Digits: more are a code.
MOST_BARE = 10.0**LONGEST_NUMBER  # Of a number without a unit. One slip beyond it would make the slider of all useless.
TRUE_OR_FALSE = {str(word).casefold() for word in BooleanField.TRUE_VALUES | BooleanField.FALSE_VALUES} - {"1", "0"}
TRUE_OR_FALSE |= listed("yes no ja nein oui non sí si")
_UNITS = "|".join(sorted((re.escape(spelling) for spelling in UNIT_OF), key=len, reverse=True))
_NAME = re.compile(
    rf"(?:product|item)?[\s_]*(?P<base>.*?)(?:[\s_,]*(?P<mark>[\s_(\[/])(?:in[\s_]+)?(?P<unit>{_UNITS})[)\]]?)?"
)
_QUANTITY = re.compile(
    rf"(?:{AMOUNT}\s*(?:-|–|to|bis)\s*)?(?P<amount>{AMOUNT})\s*(?P<unit>{_UNITS})?\.?", re.IGNORECASE
)
VALUES = f"""
    SELECT name, value, count, products FROM (
        SELECT *, row_number() OVER (PARTITION BY name ORDER BY count DESC, value) AS place,
            sum(count) OVER (PARTITION BY name)::int AS products
        FROM (
            SELECT attribute AS name, content AS value, count(*) AS count
            FROM {Product._meta.db_table}, jsonb_each_text(attributes) AS pair (attribute, content)
            WHERE content IS NOT NULL GROUP BY 1, 2
        ) counts
    ) ranked WHERE place <= {MOST_VALUES} ORDER BY name, place
"""

Types = Mapping[str, AttributeType]


def known() -> Types:
    """The types of attributes by name, as the database has them."""
    return {one.name: one for one in AttributeType.objects.all()}


@transaction.atomic
def collect() -> bool:
    """Find out the types of all attributes that products have. Returns whether any changed."""
    with connection.cursor() as cursor:
        cursor.execute(VALUES)
        rows = {name: list(found) for name, found in groupby(cursor.fetchall(), key=itemgetter(0))}
    # What staff choose meanwhile waits, and stands.
    before = {one.name: one for one in AttributeType.objects.select_for_update(no_key=True)}
    told = [_told(name, found, before.get(name)) for name, found in rows.items()]
    changed = [one for one in told if one.name not in before or _meaning(before[one.name]) != _meaning(one)]
    AttributeType.objects.bulk_create(
        [one for one in told if one.name not in before or _shown(before[one.name]) != _shown(one)],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["kind", "number", "unit", "products", "samples"],
    )
    gone = AttributeType.objects.filter(is_chosen=False).exclude(name__in=rows)
    AttributeType.objects.filter(is_chosen=True).exclude(name__in=rows).update(products=0)
    return bool(gone.delete()[0]) or bool(changed)


def _told(name: str, rows: Sequence[tuple[str, str, int, int]], before: AttributeType | None) -> AttributeType:
    """What is said of an attribute by rows of name, value, products that have it, and products that have any."""
    if before and before.is_chosen:
        one = AttributeType(name=name, kind=before.kind, number=before.number, unit=before.unit, is_chosen=True)
    else:
        one = found_out(name, [(value, count) for _, value, count, _ in rows])
    one.products = rows[0][3]
    one.samples = Truncator(", ".join(value for _, value, _, _ in rows[:SAMPLES])).chars(MAX_SAMPLES)
    return one


def _shown(one: AttributeType) -> tuple[object, ...]:
    return (*_meaning(one), one.products, one.samples)


def _meaning(one: AttributeType) -> tuple[str, str, str]:
    return one.kind, one.number, one.unit


def of_one(name: str, value: Any) -> AttributeType | None:
    """What the name says, with a unit from this one value where the name has none; None if it says nothing."""
    base, unit = _split(name)
    if base in LABELS and not unit:
        found = _QUANTITY.fullmatch(str(value).strip())
        unit = UNIT_OF.get((found["unit"] or "").casefold(), "") if found else ""
    if base in SIZES:
        return AttributeType(name=name, kind=Kind.SIZES, unit=unit if unit and UNITS[unit][0] == "cm" else "")
    if unit:
        return AttributeType(name=name, kind=Kind.NUMBER, number=_number(base, unit), unit=unit)
    return None


def found_out(name: str, values: Iterable[tuple[Any, int]]) -> AttributeType:
    """What the name and the values say; each value comes with the number of products that have it."""
    base, unit = _split(name)
    counts: dict[str, int] = defaultdict(int)
    units: dict[str, int] = defaultdict(int)
    for value, count in values:
        text = str(value).strip()
        counts["all"] += count
        counts["truth"] += count * (text.casefold() in TRUE_OR_FALSE)
        counts["sizes"] += count * (len(sizes.read(text, unit=unit)) > 1)
        quantity = _QUANTITY.fullmatch(text)
        if quantity and base not in TAKEN and not _is_code(base, text):
            counts["number"] += count
            units[UNIT_OF.get((quantity["unit"] or "").casefold(), "")] += count
    nearly_all = NEARLY_ALL * counts["all"]
    if counts["truth"] >= nearly_all:
        return AttributeType(name=name, kind=Kind.TRUTH)
    if counts["number"] >= (MOST * counts["all"] if unit else nearly_all):
        unit = unit or max(units, key=lambda one: units[one])
        return AttributeType(name=name, kind=Kind.NUMBER, number=_number(base, unit), unit=unit)
    if counts["sizes"] >= nearly_all and {*_words(base)} <= SIZES | NEUTRAL:  # Others are those of a seat or a box.
        return AttributeType(name=name, kind=Kind.SIZES, unit=unit)
    return AttributeType(name=name, kind=Kind.TEXT)


def numbers(one: AttributeType, value: Any) -> dict[str, float]:
    """What the value of an attribute of this type says in numbers; nothing if it says none."""
    if isinstance(value, bool):
        return {}
    text = str(value).strip()
    if one.kind == Kind.SIZES:
        return sizes.read(text, unit=one.unit)
    found = _QUANTITY.fullmatch(text) if one.kind == Kind.NUMBER else None
    if not found:
        return {}
    unit = UNIT_OF.get((found["unit"] or "").casefold(), one.unit)
    number = amount(found["amount"], unit)
    wanted = kept_in(one.number)
    if number is None or (UNITS[unit][0] if unit else "") != wanted:
        return {}
    number = kept(number, unit) if unit else number
    return {one.number: number} if number <= sizes.MOST.get(wanted, MOST_BARE) else {}


def check(one: AttributeType) -> None:
    """Refuses a type that no value could be read by. Raises ValidationError."""
    if one.kind != Kind.NUMBER:
        one.number = ""
        if one.kind != Kind.SIZES:
            one.unit = ""
    if one.unit and one.unit not in UNITS:
        raise ValidationError({"unit": f"A unit is one of {', '.join(UNITS)}, or empty."})
    if one.kind == Kind.SIZES and one.unit and UNITS[one.unit][0] != "cm":
        raise ValidationError({"unit": f"Sizes are lengths: {one.unit} is none."})
    if one.kind == Kind.NUMBER:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", one.number):
            told = "Write small letters, digits and _, such as width_cm, weight_kg or seats."
            raise ValidationError({"number": told})
        if len(one.number) > MAX_KEY_LENGTH:
            raise ValidationError({"number": f"At most {MAX_KEY_LENGTH} characters."})
        if one.number in TAKEN:
            raise ValidationError({"number": f"A filter of its own is called {one.number}: choose another name."})
        wanted = UNITS[one.unit][0] if one.unit else ""
        if kept_in(one.number) != wanted:
            ending = (
                f"ends with _{wanted}, because values in {one.unit} are kept in {wanted}" if wanted else "has no unit"
            )
            raise ValidationError({"number": f"The number of such values {ending}."})


@lru_cache(maxsize=1_000)
def _split(name: str) -> tuple[str, str]:
    """The name without its unit, in small letters, and the unit: "Breite (mm)" is breite in mm."""
    folded = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).casefold().strip()  # widthCm
    found = _NAME.fullmatch(folded)
    if not found or not found["base"]:
        return folded, ""
    base = found["base"].strip(" _-,")
    if found["mark"] in (" ", "_") and found["unit"] in WORDS_TOO and _words(base)[-1] not in MEASURED:
        return folded, ""
    return base, UNIT_OF.get(found["unit"] or "", "")


def _words(base: str) -> list[str]:
    return re.split(r"[\W_]+", base)


def _number(base: str, unit: str) -> str:
    side = LABELS.get(base)
    if side is Side.WEIGHT or side is None or not unit or UNITS[unit][0] == "cm":
        base = side or base
    named = slugify(base.translate(LATIN)).replace("-", "_").strip("_")
    if not named or not named[0].isalpha():
        named = f"number_{named}".strip("_")
    return f"{named[: MAX_KEY_LENGTH - 3]}_{UNITS[unit][0]}" if unit else named[:MAX_KEY_LENGTH]


def _is_code(base: str, text: str) -> bool:
    words = {word.rstrip("0123456789") or word for word in _words(base)}
    digits = re.sub(r"\D", "", text)
    return bool(words & CODES) or len(digits) > LONGEST_NUMBER or bool(re.fullmatch(r"0\d+", text))
