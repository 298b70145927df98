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

from cachetools import TTLCache, cached
from django.db.models import Q

from catalog import attribute_values
from catalog.attributes import Pair
from catalog.words import spoken
from ml.colour_names import SPELLINGS, TERMS, named, terms_of
from ml.materials import DARK, KINDS, LIGHT, lightness, materials, materials_in

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
# The most values that a reading names, the commonest: each is a look into an index.
MOST_VALUES = 100


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

    @property
    def condition(self) -> Q:
        return reduce(or_, (Q(attributes__contains={name: value}) for name, value in self.pairs))


def either(some: Iterable[Reading], others: Iterable[Reading]) -> tuple[Reading, ...]:
    """The readings of one phrase or another."""
    both: dict[How, list[Pair]] = defaultdict(list)
    for one in (*some, *others):
        both[one.how] += one.pairs
    return tuple(_widening(Reading(how, tuple(dict.fromkeys(both[how]))[:MOST_VALUES]) for how in sorted(both)))


@dataclass(frozen=True)
class ShopValues:
    """The values of the shop's attributes, to be looked up by what a customer says."""

    known: Sequence[tuple[Pair, int]]
    """Each with the number of products that have it, the commonest first."""

    def readings(self, phrase: str, means: Sequence[str] = ()) -> tuple[Reading, ...]:
        """What a phrase may stand for, the strictest reading first; none if it is no value's.

        Args:
            phrase: as catalog.words.spoken writes it.
            means: what the shop's synonyms say for it.
        """
        found = {
            How.EXACT: self._whole.get(phrase, []),
            How.PART: self._parts.get(phrase, []),
            How.SYNONYM: [pair for one in means for pair in (*self._whole.get(one, []), *self._parts.get(one, []))],
            How.COLOUR: self._having(_has_colour, phrase),
            How.MATERIAL: self._having(_has_material, phrase),
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
    def _of_looks(self) -> Sequence[Pair]:
        """The values of the attributes that name colours and materials."""
        products: dict[str, int] = defaultdict(int)
        looks: dict[str, int] = defaultdict(int)
        for (name, value), number in self.known:
            products[name] += number
            looks[name] += number * any(map(_is_look, parts_of(value)))
        return [pair for pair, _ in self.known if looks[pair[0]] >= LEAST_SHARE * products[pair[0]]]

    def _having(self, has: "Callable[[str, _Look], bool]", phrase: str) -> list[Pair]:
        look = _Look.of(phrase)
        if not (look.is_colour or look.is_material):
            return []
        return [(name, value) for name, value in self._of_looks if any(has(part, look) for part in parts_of(value))]


@cached(TTLCache(maxsize=1, ttl=attribute_values.KEPT), lock=Lock())
def shop_values() -> ShopValues:
    return ShopValues(attribute_values.known())


@lru_cache(maxsize=attribute_values.MOST)
def parts_of(value: str) -> tuple[str, ...]:
    """The parts of a value that is a list; a value that is none is one part."""
    return tuple(filter(None, SEPARATOR.split(value.strip()))) or (value,)


@dataclass(frozen=True)
class _Look:
    """A colour or a material that is asked for, and how dark or light it has to be."""

    name: str
    shade: str = ""

    @classmethod
    def of(cls, phrase: str) -> "_Look":
        shade, _, name = phrase.rpartition(" ")
        name = SPELLINGS.get(name, name)
        return cls(name, shade) if shade in SHADES else cls(SPELLINGS.get(phrase, phrase))

    @property
    def is_colour(self) -> bool:
        return self.name in TERMS

    @property
    def is_material(self) -> bool:
        return self.name in KINDS or self.name in materials()

    def fits(self, part: str) -> bool:
        """Whether the part of a value is as dark or light as asked."""
        if not self.shade:
            return True
        light = _lightness(part)
        return light is not None and SHADES[self.shade](light)


def _has_colour(part: str, look: _Look) -> bool:
    """A material has no colour of its own here: steel may be painted, and leather dyed."""
    return look.is_colour and look.name in _terms(part) and not _made_of(part) and look.fits(part)


def _has_material(part: str, look: _Look) -> bool:
    kind = KINDS.get(look.name)
    return look.is_material and any(look.name == name or kind == of for name, of in _made_of(part)) and look.fits(part)


def _is_look(part: str) -> bool:
    return bool(_made_of(part) or named(part) is not None or _terms(part))


# Working these out takes some 0.1 ms a value, and the values stay the same for long.
@lru_cache(maxsize=attribute_values.MOST)
def _terms(part: str) -> frozenset[str]:
    return terms_of(part)


@lru_cache(maxsize=attribute_values.MOST)
def _made_of(part: str) -> tuple[tuple[str, str], ...]:
    """The materials that a part names, each with its kind."""
    return tuple((one.name, one.kind) for one in materials_in(part))


@lru_cache(maxsize=attribute_values.MOST)
def _lightness(part: str) -> float | None:
    return lightness(part)


def _widening(readings: Iterable[Reading]) -> Iterator[Reading]:
    """The readings that name a value which no stricter one names."""
    named_before: set[Pair] = set()
    for one in readings:
        if not named_before.issuperset(one.pairs):
            named_before.update(one.pairs)
            yield one


def _by(keyed: Iterable[tuple[str, Pair]]) -> Mapping[str, list[Pair]]:
    found: dict[str, list[Pair]] = defaultdict(list)
    for key, pair in keyed:
        found[key].append(pair)
    return dict(found)
