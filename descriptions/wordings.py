"""Where a product's own words name a value, and in what place of a sentence they do."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from catalog.words import folded

TOKEN = re.compile(r"\w+|[^\w\s]")
# So many words before a value tell its place: "seat in" oatmeal wool.
BEFORE = 2
SHORTEST = 3  # letters of a word that may be a value nobody has used so far

Tokens = tuple[str, ...]
# The words in front of a value.
Place = tuple[str, ...]


class Mention(NamedTuple):
    """A value that a text names."""

    value: str
    start: int
    """Its first token."""
    length: int


def tokens(text: str) -> Tokens:
    """The words and signs of a text, folded, in small letters."""
    return tuple(TOKEN.findall(folded(text).lower()))


def phrases(values: Iterable[str]) -> dict[Tokens, str]:
    """The values, by what names them."""
    return {named: value for value in values if (named := tokens(value))}


def mentions(text: Tokens, phrases: Mapping[Tokens, str]) -> list[Mention]:
    """The values that a text names, in its order. Of two that overlap the longer one is meant: "white oak"."""
    longest = max(map(len, phrases), default=0)
    found, start = [], 0
    while start < len(text):
        for length in range(min(longest, len(text) - start), 0, -1):
            if value := phrases.get(text[start : start + length]):
                found.append(Mention(value, start, length))
                start += length - 1
                break
        start += 1
    return found


def place(text: Tokens, mention: Mention) -> Place:
    """The words in front of a mention."""
    return text[max(0, mention.start - BEFORE) : mention.start]


def unknown(text: Tokens, known: Sequence[Mention], places: Collection[Place]) -> list[Mention]:
    """Words that stand where a value may stand, and are none so far."""
    taken = {at for one in known for at in range(one.start, one.start + one.length)}
    found = [Mention(word, at, 1) for at, word in enumerate(text) if at not in taken and _is_word(word)]
    return [one for one in found if len(place(text, one)) == BEFORE and place(text, one) in places]


def excerpt(text: str, value: str, around: int = 24) -> str:
    """The part of a text that names the value: `around` characters before and behind it, at least."""
    found = re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE)
    if found is None:
        return ""
    start = text.rfind(" ", 0, max(0, found.start() - around)) + 1
    end = text.find(" ", found.end() + around)
    cut = text[start : end if end > 0 else len(text)].strip()
    return f"{'… ' if start else ''}{cut}{' …' if end > 0 else ''}"


def _is_word(token: str) -> bool:
    return len(token) >= SHORTEST and token.isalpha()
