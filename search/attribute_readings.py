"""What a phrase may stand for among the values of the shop's attributes, from the strictest reading to the loosest.

Colours and materials are looked up (ml.colour_names, ml.materials), not compared by a text encoder: to MiniLM "wood" is
about as near to leather (0.58) as to oak (0.62), and "green" is near to white (0.64).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property, lru_cache, reduce
from operator import or_
from threading import Lock
from typing import TypeVar

from cachetools import TTLCache, cached
from django.contrib.postgres.fields import ArrayField
from django.db.models import BooleanField, Func, Q, TextField, Value
from django.db.models.functions import Coalesce

from catalog import attribute_values
from catalog.attributes import Pair
from catalog.words import spoken
from ml.colour_names import SPELLINGS, named, terms_of
from ml.materials import DARK, KINDS, LIGHT, Material, lightness, materials_in

# A value may be a list: "linen, oak".
SEPARATOR = re.compile(r"\s*(?:[,;/+&]|(?<!\w)and(?!\w))\s*", re.IGNORECASE)
# Words before a colour or a material, and how light it then is.
SHADES: Mapping[str, Callable[[float], bool]] = {
    "dark": lambda light: light < DARK,
    "deep": lambda light: light < DARK,
    "light": lambda light: light > LIGHT,
    "pale": lambda light: light > LIGHT,
}
# An attribute is of colours and materials if so large a share of its products name one. The name of a range may be
# Olive, and says nothing about its colour.
LEAST_SHARE = 0.5
# The most values that a reading names, the commonest.
MOST_VALUES = 500
# Up to so many values are looked up in the index of attributes, each by itself: they may be rare. Of more, one test of
# each product (0.2 us) tells: hundreds of tests would take 8 us, and products that have one of them are soon met.
FEW_VALUES = 8
# Parts of values of which a process keeps what they look like.
PARTS = 3 * attribute_values.MOST
# Seconds for which a process keeps the values.
KEPT = 60


TEXT = TextField()
T = TypeVar("T")


class How(IntEnum):
    """How a phrase was understood. What is less sure is greater."""

    EXACT = 0
    PART = 1
    SYNONYM = 2
    COLOUR = 3
    MATERIAL = 4


@dataclass(frozen=True)
class Reading:
    how: How
    pairs: tuple[Pair, ...]
    """Names and values, the commonest first."""

    @cached_property
    def condition(self) -> Q:
        """What a product is that has one of the values."""
        if len(self.pairs) <= FEW_VALUES:
            return reduce(or_, (Q(attributes__contains={name: value}) for name, value in self.pairs))
        values = _by(self.pairs)
        return reduce(or_, (Q(_is_any(name, some)) for name, some in values.items()))


def _is_any(name: str, values: Sequence[str]) -> Func:
    """Whether an attribute is one of these texts. One that a product lacks is "", which none is."""
    text = Coalesce(Func("attributes", Value(name), function="jsonb_extract_path_text"), Value(""), output_field=TEXT)
    some = Func(Value(list(values), output_field=ArrayField(TEXT)), function="ANY")  # One parameter, however many.
    return Func(text, some, template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField())


@dataclass(frozen=True)
class ShopValues:
    """The values of the shop's attributes, to be looked up by what a customer says."""

    known: tuple[tuple[Pair, int], ...]
    """Each with the number of products that have it, the commonest first."""

    def readings(self, phrase: str, means: Sequence[str] = ()) -> tuple[Reading, ...]:
        """What a phrase may stand for, the strictest reading first; none if it is no value's.

        Args:
            phrase: as catalog.words.spoken writes it.
            means: what the shop's synonyms say for it.
        """
        found = {
            How.EXACT: self._whole.get(phrase) or self._with_term(phrase),
            How.PART: self._parts.get(phrase, []),
            How.SYNONYM: [pair for one in means for pair in (*self._whole.get(one, []), *self._parts.get(one, []))],
            How.COLOUR: self._looking(self._colours, phrase),
            How.MATERIAL: self._looking(self._materials, phrase),
        }
        return tuple(_widening(Reading(how, tuple(pairs[:MOST_VALUES])) for how, pairs in found.items()))

    @cached_property
    def _whole(self) -> Mapping[str, list[Pair]]:
        return _by((spoken(value), (name, value)) for (name, value), _ in self.known)

    @cached_property
    def _parts(self) -> Mapping[str, list[Pair]]:
        return _by(
            (part, (name, value))
            for (name, value), _ in self.known
            if len(parts := parts_of(value)) > 1
            for part in dict.fromkeys(map(spoken, parts))
        )

    @cached_property
    def _colours(self) -> Mapping[str, list[tuple[str, Pair]]]:
        """By the basic term of a colour: the parts of values that pass for it. A material may be painted or dyed."""
        parts = ((part, pair) for part, pair in self._parts_of_looks if not _made_of(part))
        return _by((term, (part, pair)) for part, pair in parts for term in _terms(part))

    @cached_property
    def _materials(self) -> Mapping[str, list[tuple[str, Pair]]]:
        """By the name of a material, and of a kind: the parts of values that name one."""
        named = ((part, pair, one) for part, pair in self._parts_of_looks for one in _made_of(part))
        return _by((key, (part, pair)) for part, pair, one in named for key in {one.name, one.kind})

    @cached_property
    def _parts_of_looks(self) -> Sequence[tuple[str, Pair]]:
        """The parts of the values of attributes that name colours and materials, each with its value."""
        products: dict[str, int] = defaultdict(int)
        looks: dict[str, int] = defaultdict(int)
        for (name, value), number in self.known:
            products[name] += number
            looks[name] += number * any(map(_is_look, parts_of(value)))
        told = {name for name, number in products.items() if looks[name] >= LEAST_SHARE * number}
        return [(part, pair) for pair, _ in self.known if pair[0] in told for part in parts_of(pair[1])]

    def _with_term(self, phrase: str) -> list[Pair]:
        """The values of a colour that is said with the term that it passes for: "navy blue"."""
        name, _, term = phrase.rpartition(" ")
        return self._whole.get(name, []) if name and term in terms_of(name) else []

    def _looking(self, by: Mapping[str, list[tuple[str, Pair]]], phrase: str) -> list[Pair]:
        """The values with a part that looks as asked: its colour or material, and how dark or light it is."""
        if whole := by.get(_KEYS.get(phrase, phrase)):
            return list(dict.fromkeys(pair for _, pair in whole))
        shade, _, name = phrase.rpartition(" ")
        found = by.get(_KEYS.get(name, name), []) if shade in SHADES else []
        return list(dict.fromkeys(pair for part, pair in found if _is_of_shade(part, shade)))


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def shop_values() -> ShopValues:
    return _values(attribute_values.known())


@lru_cache(maxsize=1)
def _values(known: tuple[tuple[Pair, int], ...]) -> ShopValues:
    """Values that stay the same are not put in order again: 20,000 take half a second."""
    return ShopValues(known)


# What customers say for a term or a kind.
_KEYS: Mapping[str, str] = {**SPELLINGS, **KINDS}


@lru_cache(maxsize=PARTS)
def parts_of(value: str) -> tuple[str, ...]:
    """The parts of a value that is a list; a value that is none is one part."""
    return tuple(filter(None, SEPARATOR.split(value.strip()))) or (value,)


def _is_look(part: str) -> bool:
    return bool(_made_of(part) or named(part) is not None or _terms(part))


def _is_of_shade(part: str, shade: str) -> bool:
    light = _lightness(part)
    return light is not None and SHADES[shade](light)


# Working these out takes some 0.1 ms a value, and the values stay the same for long.
@lru_cache(maxsize=PARTS)
def _terms(part: str) -> frozenset[str]:
    return terms_of(part)


@lru_cache(maxsize=PARTS)
def _made_of(part: str) -> tuple[Material, ...]:
    """The materials that a part names."""
    return tuple(materials_in(part))


@lru_cache(maxsize=PARTS)
def _lightness(part: str) -> float | None:
    return lightness(part)


def _widening(readings: Iterable[Reading]) -> Iterator[Reading]:
    """The readings that name a value which no stricter one names."""
    named_before: set[Pair] = set()
    for one in readings:
        if not named_before.issuperset(one.pairs):
            named_before.update(one.pairs)
            yield one


def _by(keyed: Iterable[tuple[str, T]]) -> Mapping[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for key, one in keyed:
        found[key].append(one)
    return dict(found)
