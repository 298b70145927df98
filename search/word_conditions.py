"""What words beside a photo demand of a product, settled by what the shop has.

A phrase has several readings. In each category the first holds that any product there meets: "oak" is a sofa's frame,
and a chair as a whole. What leaves nothing is loosened, the least sure condition first.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_
from typing import Any, Literal

from django.db.models import Exists, OuterRef, Q, QuerySet

from catalog.filters import FILTERS
from catalog.models import Category, Photo, Product
from search.attribute_readings import How, Reading
from search.photo_words import AttributeWanted, CategoryWanted, PriceWanted, StockWanted, Wanted

Kind = Literal["attribute", "price", "stock", "category"]
# Products that are counted at most, as in facets.
MOST_COUNTED = 10_000
# The most values that are told of a condition, the commonest.
MOST_TOLD = 20


@dataclass(frozen=True)
class Condition:
    """What a part of the words was understood as."""

    text: str
    """As it was typed."""
    kind: Kind
    names: Sequence[str]
    """Of attributes, or of the parameters that would filter so."""
    values: Sequence[str]
    how: How
    holds: Q
    """What a product has to be. It names columns of the product's own table only."""
    negated: bool = False
    loosened: bool = False
    """Whether it is not demanded, as nothing met it."""
    spans: Sequence[tuple[int, int]] = ()
    """Where it stands in the words (search.photo_words.Wanted)."""

    @property
    def doubt(self) -> int:
        """How readily it is loosened. Price and stock are meant as they are said."""
        return int(self.how) if self.kind == "attribute" else -1


@dataclass(frozen=True)
class Settled:
    """The conditions that results meet, and how many products meet them."""

    conditions: Sequence[Condition]
    matches: int
    """Products with a photo, MOST_COUNTED at most."""

    @property
    def filters(self) -> Q:
        return _all_of(self.conditions)


@dataclass(frozen=True)
class Understood:
    """All that is to be said of the words beside a photo."""

    settled: Settled
    ranked_by: str | None
    """What ranks by its meaning."""
    not_understood: Sequence[str]


def settle(
    wanted: Sequence[Wanted], categories: Mapping[int, Category], searched: Collection[int], given: Q
) -> Settled:
    """What is demanded of the products in the categories searched that meet the given filters.

    While nothing meets it all, the least sure condition is loosened, of equally sure ones the last typed. Of those
    loosened on the way, what need not have been is demanded again.

    Args:
        wanted: in the order typed.
        categories: all the shop's, by id.
    """
    among = Q(category__in=searched) & given
    met = _first_met(wanted, searched, _certain(wanted, categories, among))
    conditions = [
        replace(_condition(one, categories, met.get(place, {})), spans=one.spans) for place, one in enumerate(wanted)
    ]
    matches = _count(among, conditions)
    if not matches and _exist(among, ()):
        conditions = _loosened(among, conditions)
        matches = _count(among, conditions)
    return Settled(conditions, matches)


def _loosened(among: Q, conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions, as few of them loosened as leave a product."""
    made = list(conditions)
    by_doubt = sorted(range(len(made)), key=lambda place: (made[place].doubt, place))
    for place in reversed(by_doubt):
        made[place] = replace(made[place], loosened=True)
        if _exist(among, made):
            break
    for place in by_doubt:
        if made[place].loosened:
            again = [*made[:place], replace(made[place], loosened=False), *made[place + 1 :]]
            made = again if _exist(among, again) else made
    return made


def _exist(among: Q, conditions: Iterable[Condition]) -> bool:
    return _pictured(among & _all_of(conditions)).exists()


def _count(among: Q, conditions: Iterable[Condition]) -> int:
    return _pictured(among & _all_of(conditions))[:MOST_COUNTED].count()


def _all_of(conditions: Iterable[Condition]) -> Q:
    return reduce(and_, (one.holds for one in conditions if not one.loosened), Q())


def _pictured(condition: Q) -> QuerySet[Product]:
    """The products that a photo can find."""
    return Product.objects.filter(condition).filter(Exists(Photo.objects.filter(product=OuterRef("pk")))).order_by()


# For each alternative, and each category that has a product which meets a reading: the strictest such reading.
Met = Mapping[int, Mapping[int, Reading]]


def _certain(wanted: Sequence[Wanted], categories: Mapping[int, Category], among: Q) -> Q:
    """Among which products readings are chosen: those that meet what has one reading alone, if there are any.

    "Oak under 150" may be a lamp's foot, where the lamps that are oak as a whole cost more.
    """
    plain = [one for one in wanted if not isinstance(one, AttributeWanted) or one.negated]
    certain = among & _all_of([_condition(one, categories, {}) for one in plain])
    return certain if plain and _exist(certain, ()) else among


def _first_met(wanted: Sequence[Wanted], searched: Collection[int], among: Q) -> Mapping[int, Met]:
    """By the place of what is wanted: what holds in each category. Only what has several readings is there."""
    asked = {
        f"reading_{place}_{option}_{number}": (place, option, reading)
        for place, one in enumerate(wanted)
        if isinstance(one, AttributeWanted) and not one.negated
        for option, readings in enumerate(one.alternatives)
        if len(readings) > 1
        for number, reading in enumerate(readings)
    }
    if not asked:
        return {}
    meets = {
        name: Exists(_pictured(among & reading.condition).filter(category=OuterRef("pk")))
        for name, (_, _, reading) in asked.items()
    }
    met: dict[int, dict[int, dict[int, Reading]]] = defaultdict(lambda: defaultdict(dict))
    rows = Category.objects.filter(pk__in=searched).order_by().annotate(**meets).values_list("pk", *meets)
    for category, *answers in rows:
        for (place, option, reading), is_met in zip(asked.values(), answers, strict=True):  # The strictest first.
            if is_met:
                met[place][option].setdefault(category, reading)
    return met


def _condition(wanted: Wanted, categories: Mapping[int, Category], met: Met) -> Condition:
    match wanted:
        case AttributeWanted():
            return _of_attributes(wanted, met)
        case PriceWanted():
            bounds = {"price_min": wanted.least, "price_max": wanted.most}
            return _of_parameters(wanted, "price", {name: bound for name, bound in bounds.items() if bound is not None})
        case StockWanted():
            return _of_parameters(wanted, "stock", {"in_stock": not wanted.negated})
        case CategoryWanted():
            slugs = sorted(categories[category].slug for category in wanted.categories)
            holds = ~Q(category__in=wanted.categories) if wanted.negated else Q()  # The gate is told the others.
            return Condition(wanted.text, "category", ["category"], slugs, How.EXACT, holds, wanted.negated)
    raise TypeError(wanted)


def _of_parameters(wanted: Wanted, kind: Kind, parameters: Mapping[str, Any]) -> Condition:
    holds = reduce(and_, (FILTERS[name].condition(value) for name, value in parameters.items()), Q())
    values = [str(value).lower() for value in parameters.values()]
    return Condition(wanted.text, kind, list(parameters), values, How.EXACT, holds)


def _of_attributes(wanted: AttributeWanted, met: Met) -> Condition:
    """What must not be is so in any of its readings. What must be is so in the one that holds in its category."""
    if wanted.negated:
        used = [one for readings in wanted.alternatives for one in readings]
        holds = ~reduce(or_, (one.condition for one in used))
    else:
        settled = [_of_alternative(one, met.get(option, {})) for option, one in enumerate(wanted.alternatives)]
        used = [one for readings, _ in settled for one in readings]
        holds = reduce(or_, (condition for _, condition in settled))
    pairs = list(dict.fromkeys(pair for one in used for pair in one.pairs))
    hows = [one.how for one in used]
    return Condition(
        wanted.text,
        "attribute",
        list(dict.fromkeys(name for name, _ in pairs)),
        list(dict.fromkeys(value for _, value in pairs))[:MOST_TOLD],
        min(hows) if wanted.negated else max(hows),
        holds,
        wanted.negated,
    )


def _of_alternative(readings: Sequence[Reading], met: Mapping[int, Reading]) -> tuple[Sequence[Reading], Q]:
    """Which readings of a value hold, and what a product is that meets the one of its category."""
    used = sorted({*met.values()} or {readings[0]}, key=lambda one: one.how)
    if len(used) == 1:
        return used, used[0].condition
    return used, reduce(or_, (_within(one, met) for one in used))


def _within(reading: Reading, met: Mapping[int, Reading]) -> Q:
    """The reading, in the categories where it holds."""
    return Q(category__in=sorted(category for category, one in met.items() if one == reading)) & reading.condition
