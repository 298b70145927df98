"""Words as a customer types them: what PostgreSQL looks for, and where it finds a match.

A text is indexed folded: without accents, and with words parted that a slash or a hyphen joins. So "cafe" finds "Café",
and "walnut" finds "Oak/walnut". The SQL functions of the migration 0006 fold what is stored, `folded` what was typed.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, TypedDict

from cachetools import TTLCache, cached
from django.contrib.postgres.search import (
    CombinedSearchQuery,
    SearchHeadline,
    SearchQuery,
    SearchQueryCombinable,
    SearchVectorCombinable,
    SearchVectorField,
)
from django.db import connection
from django.db.models import F, Func, TextField
from django.db.models.expressions import CombinedExpression

# The text search configuration of the shop's language (catalog.text_language). It is English until another is set.
CONFIG = "lamplight"
# Stems nothing: a word that is still being typed begins another word, not that word's stem.
AS_TYPED = "simple"
# Seconds for which a process keeps which words say nothing.
KEPT = 60
# Private characters mark a match, since no text uses them. Any other mark could be part of a match.
START, STOP = "\ue000", "\ue001"
MARKS = re.compile(f"[{START}{STOP}]")
TOKENS = re.compile(r'-?"[^"]*"|\S+')
# Letters that Unicode does not decompose into a plain one and a mark.
LETTERS = {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
LETTERS |= {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i"}
MARK = re.compile("[\u0300-\u036f]")
ACCENTED = re.compile(f"([A-Za-z]){MARK.pattern}+")
# What joins two words or a word and a number, as in Sofa/Couch and VL-50. PostgreSQL would take both for one word, or
# the number for a negative one.
# Several minus signs with no word in between. PostgreSQL stacks one for each, 32 at most; the last says as much.
MINUSES = re.compile(r'-[^\w"]*(?=-)')
JOINT = re.compile(r"(?<=[^\W_])[-/\\_+&|\u2010-\u2015](?=[^\W_])")


class Segment(TypedDict):
    """A part of a text, and whether the words were found there."""

    text: str
    match: bool


# What a customer says, and what the shop says for it.
Synonym = tuple[str, str]


class WordsVector(SearchVectorCombinable, Func):
    """The words of a text column, folded."""

    function = "lamplight_words"
    template = "setweight(%(function)s('%(config)s'::regconfig, %(expressions)s), '%(weight)s')"
    output_field = SearchVectorField()
    config = None


class AttributesVector(WordsVector):
    """The words and numbers in the values of attributes. Their names would be the same for all products."""

    function = "lamplight_attribute_words"


class Folded(Func):
    """A text column as `folded` makes it."""

    function = "lamplight_folded"
    output_field = TextField()


class Rewritten(SearchQuery):
    """A query in which what was said may also be what is meant."""

    def __init__(self, found: SearchQuery, said: SearchQuery, meant: SearchQuery) -> None:
        super().__init__(found)
        self.function = "ts_rewrite"
        self.set_source_expressions([found, said, said | meant])


def vector() -> CombinedExpression:
    """The words that a product is found by. Names are also kept unstemmed, for words that are still being typed."""
    return (
        WordsVector("name", weight="A", config=CONFIG)
        + WordsVector("sku", weight="A", config=CONFIG)
        + WordsVector("description", weight="B", config=CONFIG)
        + AttributesVector("attributes", weight="C", config=CONFIG)
        + WordsVector("caption", weight="D", config=CONFIG)
        + WordsVector("name", weight="A", config=AS_TYPED)
    )


def folded(text: str) -> str:
    """The text without accents, with words parted that a slash or a hyphen joins: "Sofa/Café" -> "Sofa Cafe".

    Accents of Latin letters are meant. In other scripts a mark may make another letter, such as й of и.
    """
    return JOINT.sub(" ", folded_starts(unicodedata.normalize("NFC", text))[0])


def spoken(text: str) -> str:
    """The text's words alone, folded, in small letters, with a blank between any two."""
    return " ".join(re.findall(r"\w+", folded(text).lower()))


def stems(texts: Sequence[str]) -> list[frozenset[str]]:
    """The stems of each text's words."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tsvector_to_array(to_tsvector(%s::regconfig, text)) FROM unnest(%s::text[])"
            " WITH ORDINALITY AS texts (text, place) ORDER BY place",
            [CONFIG, [folded(text) for text in texts]],
        )
        return [frozenset(found) for (found,) in cursor.fetchall()]


def query(words: str, synonyms: Collection[Synonym] = ()) -> SearchQuery | CombinedSearchQuery:
    """Reads quotes, OR and - as web search does. The last word may also be the beginning of one.

    What a synonym means may stand in place of its words.
    """
    plain = typed(words)
    whole = meant(plain, synonyms)
    *before, last = TOKENS.findall(plain) or [""]
    if not _may_be_unfinished(last):
        return whole
    begun = SearchQuery(f"'{last}':*", config=AS_TYPED, search_type="raw")
    alternatives = [place for place, token in enumerate(before) if token.lower() == "or"]
    if clause := before[alternatives[-1] + 1 :] if alternatives else before:
        begun = meant(" ".join(clause), synonyms) & begun
    return whole | begun


def typed(words: str) -> str:
    """What was typed, folded token by token, without the words that say nothing before they are folded.

    "für" is no word to look for, and "fur" would be one.
    """
    return MINUSES.sub("", " ".join(filter(None, map(_folded_token, TOKENS.findall(words)))))


def _folded_token(token: str) -> str:
    plain = folded(token.lstrip("-"))
    if plain != token and says_nothing(token):
        return ""
    left_out = token.startswith("-")
    if left_out and " " in plain and not plain.startswith('"'):
        plain = f'"{plain}"'  # Otherwise the minus would hold for the first part alone.
    return f"-{plain}" if left_out else plain


@cached(TTLCache(maxsize=1_000, ttl=KEPT), lock=Lock())
def says_nothing(token: str) -> bool:
    """Whether a token has no word that is looked for: "-", or a word as common as "the"."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT numnode(plainto_tsquery(%s::regconfig, %s)) = 0", [CONFIG, token])
        (nothing,) = cursor.fetchone()
    return bool(nothing)


def websearch(words: str) -> SearchQuery:
    """Reads quotes, OR and - as web search does."""
    return SearchQuery(words, config=CONFIG, search_type="websearch")


def headline(field: str, found: SearchQueryCombinable, **extent: Any) -> SearchHeadline:
    """The folded field, its matches between START and STOP. `extent` tells SearchHeadline how much of it to show."""
    text = Folded(F(field))
    return SearchHeadline(text, found, config=CONFIG, start_sel=START, stop_sel=STOP, **extent)


def segments(headline: str, text: str) -> list[Segment]:
    """The part of a text that its headline shows, cut where matches begin and end."""
    parts = MARKS.split(headline)  # Those at odd places are matches.
    plain, starts = folded_starts(text)
    place = JOINT.sub(" ", plain).find("".join(parts))
    if place < 0:  # Python and PostgreSQL know different versions of Unicode. It costs the accents.
        return [{"text": part, "match": number % 2 == 1} for number, part in enumerate(parts) if part]
    cut: list[Segment] = []
    for number, part in enumerate(parts):
        begin, place = place, place + len(part)
        if shown := text[starts[begin] : starts[place]]:
            cut.append({"text": shown, "match": number % 2 == 1})
    return cut


def begun(words: str, text: str) -> list[Segment]:
    """The text, its words marked that begin with the last of `words`, which may be unfinished.

    The database marks stems: "dinin" begins "dining", whose stem is "dine".
    """
    *_, last = TOKENS.findall(typed(words)) or [""]
    plain, starts = folded_starts(text)
    cut, end = [], 0
    if _may_be_unfinished(last):
        for found in re.finditer(rf"\b{re.escape(last)}\w*", JOINT.sub(" ", plain), re.IGNORECASE):
            cut += [
                (text[starts[end] : starts[found.start()]], False),
                (text[starts[found.start()] : starts[found.end()]], True),
            ]
            end = found.end()
    cut.append((text[starts[end] :], False))
    return [{"text": part, "match": match} for part, match in cut if part]


def _may_be_unfinished(word: str) -> bool:
    return re.fullmatch(r"\w+", word) is not None and word.lower() != "or"


def folded_starts(text: str) -> tuple[str, Sequence[int]]:
    """The text's letters folded, and for each place among them, and for their end, where it begins in the text."""
    if text.isascii():
        return text, range(len(text) + 1)
    plain, starts = "", []
    for place, letter in enumerate(text):
        if MARK.match(letter) and plain[-1:].isascii() and plain[-1:].isalpha():
            continue  # A decomposed text has the accent behind its letter.
        made = _folded_letter(letter)
        plain += made
        starts += [place] * len(made)
    return plain, [*starts, len(text)]


# Strangers choose the letters: of all that Unicode has 120 MB would be kept. Chinese, the largest script, uses 8,000.
@lru_cache(maxsize=10_000)
def _folded_letter(letter: str) -> str:
    if letter in LETTERS:
        return LETTERS[letter]
    return unicodedata.normalize("NFKC", ACCENTED.sub(r"\1", unicodedata.normalize("NFKD", letter)))


def meant(words: str, synonyms: Collection[Synonym]) -> SearchQuery:
    """What `websearch` makes of the words. What a synonym means may stand in place of its words."""
    found = websearch(words)
    for words_of_one in synonyms:
        said, meant = (SearchQuery(folded(part), config=CONFIG) for part in words_of_one)
        found = Rewritten(found, said, meant)
    return found
