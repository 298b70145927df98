"""Bounds of products' numbers as a request sets them: `<number>_min` and `<number>_max`, in any unit of the quantity.

A number's name carries the unit that it is kept in. `width_cm_max=120`, `width_mm_max=1200` and `width_in_max=48` all
bound width_cm. Bounds belong to what they bound: a product that measures just as much passes.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Any

from cachetools import TTLCache, cached
from django.db.models import Q, QuerySet

from catalog.models import ProductNumber
from catalog.units import KEPT_IN, UNITS, convert, kept_in
from catalog.validators import MAX_KEY_LENGTH, is_storable

LEAST, MOST = "_min", "_max"
# More than a page has sliders. Each is a look into an index for every product that is looked at.
MOST_BOUNDS = 20
# Bounds in other units than the number's are rounded when they are converted: 1200 mm are 120.00000000000001 cm.
SLACK = 1e-9
# Seconds for which a process keeps the names of numbers that it tells of.
KEPT = 10
MOST_NAMES = 200
MESSAGES = {
    "invalid": "Write a number, such as 120 or 47.5.",
    "unknown_number": "There is no number {number}; there are: {known}.",
    "no_numbers": "There is no number {number}: no product has any yet.",
    "other_quantity": "{number} is not in {unit}: give it in {units}.",
    "empty_range": "This is below {least}.",
    "given_twice": "{number} is given twice: send either {one} or {other}, once.",
    "too_many": f"At most {MOST_BOUNDS} bounds of numbers a request.",
}


@dataclass(frozen=True)
class Bound:
    """One bound, as it was sent and as it is compared."""

    parameter: str
    number: str
    """The name that it is kept under, such as width_cm."""
    unit: str
    """That of the request; empty where the number has none."""
    value: float
    """In the unit that the number is kept in."""

    @property
    def is_most(self) -> bool:
        return self.parameter.endswith(MOST)

    @property
    def slack(self) -> float:
        return SLACK * abs(self.value)


# Two bounds of a number at most: its least and its most.
Ranges = Sequence[Bound]


class Refused(Exception):  # noqa: N818  it names what became of a parameter
    """A bound that makes no sense. Its code is one of MESSAGES."""

    def __init__(self, parameter: str, code: str, **named: str) -> None:
        super().__init__(MESSAGES[code].format(**named))
        self.parameter, self.code = parameter, code


def parse(given: Iterable[tuple[str, Any]]) -> Ranges:
    """The bounds of (parameter, text) pairs, in their order. Raises Refused at the first that makes no sense."""
    bounds: dict[tuple[str, bool], Bound] = {}
    for place, (parameter, text) in enumerate(given):
        if place == MOST_BOUNDS:
            raise Refused(parameter, "too_many")
        bound = _bound(parameter, text)
        former = bounds.setdefault((bound.number, bound.is_most), bound)
        if former is not bound:
            raise Refused(parameter, "given_twice", number=bound.number, one=former.parameter, other=parameter)
    for (number, is_most), bound in bounds.items():
        least = bounds.get((number, False))
        if is_most and least and bound.value + bound.slack < least.value - least.slack:
            raise Refused(bound.parameter, "empty_range", least=least.parameter)
    return tuple(bounds.values())


def _bound(parameter: str, text: Any) -> Bound:
    value = _value(text)
    if value is None:
        raise Refused(parameter, "invalid")
    name = parameter[: -len(LEAST)]  # Both endings are as long.
    number, unit = _resolved(parameter, name)
    kept = kept_in(number)
    return Bound(parameter, number, unit, convert(value, unit, kept) if kept else value)


def _value(text: Any) -> float | None:
    """The number that a text says; None if it says none that can be compared."""
    if isinstance(text, bool) or not isinstance(text, str | int | float) or (isinstance(text, str) and "_" in text):
        return None
    try:
        value = float(text)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) and math.isfinite(value * 1_000) else None


def _resolved(parameter: str, name: str) -> tuple[str, str]:
    """The number that a name means, and the unit that it says."""
    stem, _, unit = name.rpartition("_")
    quantity, _ = UNITS.get(unit, ("", 1.0))
    meant = f"{stem}_{quantity}" if stem and quantity else name
    if is_known(meant):
        return meant, unit if quantity else ""
    others = [f"{stem}_{kept}" for kept in KEPT_IN if stem and quantity and is_known(f"{stem}_{kept}")]
    if others:
        units = [one for one, (kept, _) in UNITS.items() if kept == kept_in(others[0])]
        raise Refused(
            parameter, "other_quantity", number=others[0], unit=unit, units=f"{', '.join(units[:-1])} or {units[-1]}"
        )
    shown = name if len(name) <= MAX_KEY_LENGTH else f"{name[:MAX_KEY_LENGTH]}…"
    known = ", ".join(names())
    raise Refused(parameter, "unknown_number" if known else "no_numbers", number=shown, known=known)


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def names() -> Sequence[str]:
    """The numbers that products have, sorted; MOST_NAMES of them. Each is one look into the index."""
    return list(islice(_each_name(), MOST_NAMES))


def _each_name() -> Iterable[str]:
    last = ""
    numbers = ProductNumber.objects.order_by("name").values_list("name", flat=True)
    while (name := numbers.filter(name__gt=last).first()) is not None:
        yield name
        last = name


def is_known(number: str) -> bool:
    """Whether a product has the number."""
    if number in names():
        return True
    return is_storable(number) and ProductNumber.objects.filter(name=number).exists()


def condition(ranges: Ranges) -> Q:
    """A product passes if each number lies between its bounds. One without the number does not.

    Each number is a set of products by itself (`pk__in`), which search.store.scans reads from its index.
    """
    return Q(*(Q(pk__in=products) for products in sets(ranges)))


def sets(ranges: Ranges) -> list[QuerySet[ProductNumber, Any]]:
    """For each number: the ids of the products that lie between its bounds."""
    return [within(number, bounds).values("product") for number, bounds in by_number(ranges).items()]


def by_number(ranges: Ranges) -> Mapping[str, Sequence[Bound]]:
    """The bounds of each number, by its name."""
    grouped: dict[str, list[Bound]] = {}
    for bound in ranges:
        grouped.setdefault(bound.number, []).append(bound)
    return grouped


def within(number: str, bounds: Sequence[Bound]) -> QuerySet[ProductNumber]:
    """The rows of a number that meet all of its bounds."""
    rows = ProductNumber.objects.filter(name=number).order_by()
    for bound in bounds:
        if bound.is_most:
            rows = rows.filter(value__lte=bound.value + bound.slack)
        else:
            rows = rows.filter(value__gte=bound.value - bound.slack)
    return rows


def missed(ranges: Ranges, share: float) -> Q:
    """What fails the bounds of one number alone, by at most this share of the bound that it fails.

    One set of products, as `condition` makes them.
    """
    grouped = by_number(ranges)
    gaps: list[QuerySet[ProductNumber, Any]] = []
    for number, bounds in grouped.items():
        others = [within(other, grouped[other]).values("product") for other in grouped if other != number]
        for bound in bounds:
            gap = _beyond(bound, share)
            for products in others:
                gap = gap.filter(product__in=products)
            gaps.append(gap.values("product"))
    return Q(pk__in=gaps[0].union(*gaps[1:]) if len(gaps) > 1 else gaps[0])


def _beyond(bound: Bound, share: float) -> QuerySet[ProductNumber]:
    """The rows of a number that fail a bound by at most this share of it."""
    rows, reach = ProductNumber.objects.filter(name=bound.number).order_by(), share * abs(bound.value)
    if bound.is_most:
        return rows.filter(value__gt=bound.value + bound.slack, value__lte=bound.value + reach)
    return rows.filter(value__lt=bound.value - bound.slack, value__gte=bound.value - reach)


# What failing a bound is called, at most and at least. Of other numbers: over, under.
TOO: Mapping[str, tuple[str, str]] = {
    "width": ("too wide", "too narrow"),
    "depth": ("too deep", "too shallow"),
    "height": ("too high", "too low"),
    "length": ("too long", "too short"),
    "diameter": ("too wide", "too narrow"),
    "weight": ("too heavy", "too light"),
}


@dataclass(frozen=True)
class Miss:
    """By how much a product fails a bound, in the unit of the request."""

    bound: Bound
    by: float

    @property
    def text(self) -> str:
        """Such as "2 cm too wide"."""
        stem = self.bound.number.rpartition("_")[0] or self.bound.number
        over, under = TOO.get(stem, ("over", "under"))
        amount = f"{self.by:g} {self.bound.unit}".strip()
        return f"{amount} {over if self.bound.is_most else under}"


def miss(bound: Bound, value: float) -> Miss | None:
    """By how much a value, in the unit that it is kept in, fails a bound; None if it does not."""
    by = value - bound.value if bound.is_most else bound.value - value
    return Miss(bound, _shown(in_unit(bound, by))) if by > bound.slack else None


def in_unit(bound: Bound, value: float) -> float:
    """A value as the request measures it, not rounded."""
    kept = kept_in(bound.number)
    return convert(value, kept, bound.unit) if kept and bound.unit else value


def _shown(value: float) -> float:
    """Two digits that say something, at least one decimal: 0.8, 12, 2.4, 0.013."""
    return float(f"{value:.2g}") if value < 10 else round(value, 1)
