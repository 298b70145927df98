"""Where a product's own words name a value, and in what place of a sentence they do."""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from catalog.words import folded, folded_starts

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


class Phrases:
    """Values, to be found by what names them."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = {named: value for value in values if (named := tokens(value))}
        lengths: dict[str, set[int]] = {}
        for named in self._values:
            lengths.setdefault(named[0], set()).add(len(named))
        # By their first word: one long value does not make all texts slow to read.
        self._lengths = {first: sorted(some, reverse=True) for first, some in lengths.items()}

    def mentions(self, text: Tokens) -> list[Mention]:
        """The values that a text names, in its order. Of two that overlap the longer one is meant: "white oak"."""
        found, start = [], 0
        while start < len(text):
            for length in self._lengths.get(text[start], ()):
                if value := self._values.get(text[start : start + length]):
                    found.append(Mention(value, start, length))
                    start += length - 1
                    break
            start += 1
        return found


def tokens(text: str) -> Tokens:
    """The words and signs of a text, folded, in small letters."""
    return tuple(TOKEN.findall(folded(text).lower()))


def place(text: Tokens, mention: Mention) -> Place:
    """The words in front of a mention."""
    return text[max(0, mention.start - BEFORE) : mention.start]


def unknown(text: Tokens, known: Sequence[Mention], places: Collection[Place]) -> list[Mention]:
    """Words that stand where a value may stand, and are none so far."""
    taken = {at for one in known for at in range(one.start, one.start + one.length)}
    found = [Mention(word, at, 1) for at, word in enumerate(text) if at not in taken and _is_word(word)]
    return [one for one in found if len(place(text, one)) == BEFORE and place(text, one) in places]


def excerpt(text: str, value: str, around: int = 24) -> str:
    """The part of a text that names the value, however it is spelled there; empty if none does.

    It is `around` characters longer on either side, at least.
    """
    plain, starts = folded_starts(text)
    words = r"[\W_]+".join(map(re.escape, tokens(value)))
    found = re.search(rf"(?<!\w){words}(?!\w)", plain, re.IGNORECASE) if words else None
    if found is None:
        return ""
    begin, stop = starts[found.start()], starts[found.end()]
    start = text.rfind(" ", 0, max(0, begin - around)) + 1
    end = text.find(" ", stop + around)
    cut = text[start : end if end > 0 else len(text)].strip()
    return f"{'… ' if start else ''}{cut}{' …' if end > 0 else ''}"


def _is_word(token: str) -> bool:
    return len(token) >= SHORTEST and token.isalpha()
