"""Attributes as a request asks for them: `name:value`, any number of times."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from catalog.validators import MAX_KEY_LENGTH, MAX_VALUE_LENGTH, is_storable, validate_attribute_value

# More attributes than a customer ticks; every one is an index scan.
MAX_PAIRS = 20
# A pair is split at this many colons at most. Names hold fewer, and every split is an index scan, too.
MAX_SPLITS = 4
MESSAGES = {
    "invalid": "Write name:value, for example color:Oak.",
    "too_many": f"At most {MAX_PAIRS} attributes a request.",
}
# How the API's schema describes every parameter of this kind.
SCHEMA = {
    "type": "array",
    "items": {"type": "string"},
    "example": ["color:Oak", "material:pine"],
    "description": "`name:value`, exactly as written in the product. It may be given several times: more names "
    "narrow the answer, more values of one name widen it: `?attributes=color:Oak&attributes=color:Pine`. "
    "A name may hold colons, too: `size:EU:42` is either 42 of `size:EU` or EU:42 of `size`.",
}

# A name and its value as text.
Pair = tuple[str, str]
# Pairs by the text before their first colon. A product has to meet one pair of each list.
Wanted = Mapping[str, Sequence[Pair]]


def parse(pairs: Iterable[str]) -> Wanted:
    """Group the pairs by the text before their first colon. Raises ValidationError."""
    given = list(pairs)
    if len(given) > MAX_PAIRS:
        raise ValidationError(MESSAGES["too_many"], code="too_many")
    wanted: dict[str, list[Pair]] = defaultdict(list)
    for pair in given:
        meant = splits(pair)
        if not meant:
            raise ValidationError(MESSAGES["invalid"], code="invalid")
        wanted[pair.partition(":")[0].strip()] += meant
    return dict(wanted)


def splits(pair: str) -> list[Pair]:
    """The (name, text) pairs that `name:value` may mean: several if it holds several colons, none if it is invalid."""
    if not is_storable(pair):
        return []
    colons = (place for place, letter in enumerate(pair[: MAX_KEY_LENGTH + 1]) if letter == ":" and place)
    halves = ((pair[:place], pair[place + 1 :]) for place in islice(colons, MAX_SPLITS))
    pairs = [(name, text) for name, text in halves if len(text) <= MAX_VALUE_LENGTH]
    # Blanks around them are meant in the rare product that has them, and are slips otherwise.
    return list(dict.fromkeys([*pairs, *((name.strip(), text.strip()) for name, text in pairs if name.strip())]))


def names(wanted: Wanted) -> list[str]:
    """All attribute names that the pairs may mean, sorted."""
    return sorted({name for pairs in wanted.values() for name, _ in pairs})


def condition(wanted: Wanted) -> Q:
    """A product passes if its attributes contain one pair of each list, in one of the pair's readings."""

    def any_of(pairs: Sequence[Pair]) -> Q:
        meant = [Q(attributes__contains={name: value}) for name, text in pairs for value in readings(text)]
        return Q(*meant, _connector=Q.OR)

    return Q(*map(any_of, wanted.values()))


def readings(text: str) -> list[Any]:
    """The values a text in a URL may stand for: itself and, for 80 or true, the number or the boolean."""
    try:
        value = json.loads(text)
        validate_attribute_value("", value)
    except (ValueError, RecursionError, ValidationError):
        return [text]
    return [text, value]
