"""What speaks for a value that a product may have: its own words, the nearest products and its colours.

Nothing is known here of any trade or language but the names of colours and materials. Which words stand for a value,
and where in a sentence, is read off the products that have one.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from descriptions.wordings import Phrases, Place, Tokens, place, tokens, unknown
from ml import colour_names, product_colours
from ml.arrays import Floats
from ml.colour_names import TERMS, terms_of
from ml.materials import materials, materials_in

NEAREST = 5  # products that vote
# What parts a list. "1,5 mm" is none.
SEPARATOR = re.compile(r"\s*(?:;|,(?!\d)|(?<!\d),)\s*")
# An attribute's value is a text of its own from so many letters on.
LONGEST_VALUE = 60
# A share of this many values makes an attribute one of colours, or of materials. Then all such names are values.
TELLING = 0.5
PRIOR = 2.0  # How many products' worth of doubt there is whether a value that is named is the product's.


def parts(value: object) -> list[str]:
    """The values of a list, as they are written: "linen, oak" has two. Signs, numbers, true and long texts are none."""
    if not isinstance(value, str) or len(value) > LONGEST_VALUE:
        return []
    return [part for part in SEPARATOR.split(value.strip()) if _plain(part)]


@dataclass(frozen=True, eq=False)
class Described:
    """A product, as far as its values are told by it."""

    pk: int
    category_id: int
    attributes: Mapping[str, object]
    words: Tokens
    """Of its name and description, and of a caption that a model wrote."""
    vectors: Floats
    """(k, dimensions) of its photos, of length 1"""
    colours: Floats
    """(SHARES,) of its photos; zeros where none can be read"""
    labels: Mapping[str, float]
    """What a network trained on ImageNet takes its photos for, with a probability each"""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """How near each example is to a product, (n,) each."""

    photos: Floats
    colours: Floats


class Examples:
    """Products that others are compared with."""

    def __init__(self, products: Sequence[Described]) -> None:
        """At least one."""
        self.products = products
        self._vectors = np.concatenate([product.vectors for product in products])
        self._first = np.cumsum([0, *(len(product.vectors) for product in products[:-1])])
        self._colours = np.stack([product.colours for product in products])

    def neighbours(self, product: Described) -> Neighbours:
        """By the nearest two photos, and by all pixels."""
        near = (self._vectors @ product.vectors.T).max(axis=1)
        colours = product_colours.likeness(product.colours[np.newaxis], self._colours)[0]
        return Neighbours(np.maximum.reduceat(near, self._first), colours)


def usual_terms(products: Sequence[Described]) -> Floats:
    """The mean share of each colour term, (12,)."""
    usual: Floats = product_colours.terms(np.stack([product.colours for product in products])).mean(axis=0)
    return usual


@dataclass(frozen=True)
class Candidate:
    """A value that the product may have, and what speaks for it."""

    value: str
    features: tuple[float, ...]
    named: bool
    """Whether its own words name it."""
    near: Sequence[int]
    """Ids of the nearest products that have it."""
    votes: int
    """How many voted."""
    likeness: float
    """Of its colours to the most alike product that has it; 0 where none has."""
    label: str
    """The label with the most of its words; empty if none has any."""


class AttributeEvidence:
    """What the examples tell of one attribute."""

    def __init__(self, examples: Examples, name: str, usual_terms: Floats) -> None:
        """
        Args:
            examples: at least one has the attribute, in words.
            usual_terms: the mean share of each colour term in the shop, (12,).
        """
        self.examples, self.name, self._usual_terms = examples, name, usual_terms
        written = [parts(product.attributes.get(name)) for product in examples.products]
        values = {row: own for row, own in enumerate(written) if own}
        self.rows = np.array([*values], np.int64)
        self.held = [tuple(map(_plain, own)) for own in values.values()]
        self.known = Counter(value for held in self.held for value in held)
        # One value, however it is written; the commonest spelling stands for all.
        spelled = Counter(part for own in values.values() for part in own)
        self._spelling = {_plain(part): part for part, _ in reversed(spelled.most_common())}
        self._phrases = Phrases({*self.known, *_lexicon(list(self.known))})
        texts = [str(examples.products[row].attributes[name]) for row in values]
        used = Counter(found for text in texts for found in SEPARATOR.findall(text.strip()))
        self._separator = used.most_common(1)[0][0] if used else ", "
        self._named, self._rightly = Counter[str](), Counter[str]()
        self._places: list[tuple[frozenset[Place], frozenset[Place]]] = []
        for row, held in zip(values, self.held, strict=True):
            self._learn(examples.products[row].words, held)

    @property
    def is_list(self) -> bool:
        return any(len(held) > 1 for held in self.held)

    def written(self, values: Sequence[str]) -> str:
        """The values as the shop writes a list."""
        return self._separator.join(map(self.spelled, values))

    def spelled(self, value: str) -> str:
        """The value as the shop writes it."""
        if value in self._spelling:
            return self._spelling[value]
        capital = sum(one[:1].isupper() for one in self._spelling.values()) > len(self._spelling) / 2
        return value.capitalize() if capital else value

    def candidates(self, product: Described, neighbours: Neighbours) -> list[Candidate]:
        """The values that its words name, in their order, then those that its nearest products have."""
        near, alike = self._nearest(neighbours.photos), self._nearest(neighbours.colours)
        stands = [self._places[row] for row in near]
        named = self._named_places(product.words, frozenset().union(*(right for right, _ in stands)))
        voted = {value for row in {*near, *alike} for value in self.held[row]}
        first = next(iter(named), None)
        lifts = self._lifts(product)
        found = []
        for value in dict.fromkeys([*named, *sorted(voted)]):
            places = named.get(value, frozenset())
            having = [row for row in near if value in self.held[row]]
            likeness = self._likeness(value, neighbours)
            features = (
                float(value in named),
                float(value == first),
                self._trust(value) if value in named else 0.0,
                sum(bool(places & right) - bool(places & wrong) for right, wrong in stands) / len(near),
                len(having) / len(near),
                sum(value in self.held[row] for row in alike) / len(alike),
                likeness,
                _agreement(value, lifts),
                sum(odds * _common(value, label) for label, odds in product.labels.items()),
                float(np.log((self.known[value] + 0.5) / len(self.rows))),
            )
            ids = [self.examples.products[int(self.rows[row])].pk for row in having]
            label = max(product.labels, key=partial(_common, value), default="")
            found.append(
                Candidate(
                    value, features, value in named, ids, len(near), likeness, label if _common(value, label) else ""
                )
            )
        return found

    def _learn(self, words: Tokens, held: Sequence[str]) -> None:
        """Count what an example's words name, rightly or not, and where in a sentence they do."""
        found = self._phrases.mentions(words)
        self._named.update({one.value for one in found})
        self._rightly.update({one.value for one in found} & {*held})
        right = frozenset(place(words, one) for one in found if one.value in held)
        self._places.append((right, frozenset(place(words, one) for one in found if one.value not in held)))

    def _named_places(self, words: Tokens, right: frozenset[Place]) -> dict[str, frozenset[Place]]:
        """The values that words name, or may name, and where. They come in the order in which they are named last.

        What a thing is made of is summed up behind what else is said of it.
        """
        found = self._phrases.mentions(words)
        found += unknown(words, found, right)
        places: dict[str, frozenset[Place]] = {}
        for one in sorted(found, key=lambda one: one.start):
            places[one.value] = places.pop(one.value, frozenset()) | {place(words, one)}
        return places

    def _nearest(self, near: Floats) -> list[int]:
        return np.argsort(-near[self.rows], kind="stable")[:NEAREST].tolist()

    def _trust(self, value: str) -> float:
        """The log odds that a product has a value that its words name, as far as the examples tell."""
        usual = (self._rightly.total() + 1) / (self._named.total() + 2)
        named, rightly = self._named[value], self._rightly[value]
        return float(np.log((rightly + PRIOR * usual) / (named - rightly + PRIOR * (1 - usual))))

    def _likeness(self, value: str, neighbours: Neighbours) -> float:
        having = self._having.get(value)
        return float(neighbours.colours[having].max()) if having else 0.0

    @cached_property
    def _having(self) -> Mapping[str, list[int]]:
        """The examples that have each value."""
        having: dict[str, list[int]] = {}
        for row, held in zip(self.rows.tolist(), self.held, strict=True):
            for value in held:
                having.setdefault(value, []).append(row)
        return having

    def _lifts(self, product: Described) -> Mapping[str, float]:
        """By how much more of each colour term the product has than products usually have, 1 for the most."""
        lifts = product_colours.lifts(product.colours, self._usual_terms)
        best = max(float(lifts.max()), 1e-9)
        return dict(zip(TERMS, (lifts / best).tolist(), strict=True))


def _plain(value: str) -> str:
    return " ".join(tokens(value))


def _agreement(value: str, lifts: Mapping[str, float]) -> float:
    """How well the product's colours are those of the value's name, 0 to 1; half where it is no colour's."""
    terms = terms_of(value)
    return max(lifts[term] for term in terms) if terms else 0.5


def _common(value: str, label: str) -> float:
    """The share of the words of both that they have in common."""
    own, other = set(value.split()), set(tokens(label))
    return len(own & other) / len(own | other)


def _lexicon(values: Sequence[str]) -> frozenset[str]:
    """Names that may be values although no product has them yet."""
    if not values:
        return frozenset()
    lexicon: set[str] = set()
    if sum(bool(terms_of(value)) for value in values) >= TELLING * len(values):
        lexicon |= set(map(_plain, colour_names.names()))
    if sum(bool(materials_in(value)) for value in values) >= TELLING * len(values):
        lexicon |= set(map(_plain, materials()))
    return frozenset(lexicon)
