"""Words as a customer types them: what PostgreSQL looks for, and where it found that."""

import re
from typing import Any

from django.contrib.postgres.search import (
    CombinedSearchQuery,
    SearchHeadline,
    SearchQuery,
    SearchVector,
    SearchVectorCombinable,
    SearchVectorField,
)
from django.db.models import Func
from django.db.models.expressions import CombinedExpression

# Stems English; words of other languages are found in the very form they were written in.
CONFIG = "english"
# Stems nothing: a word that is still being typed is the beginning of another word, not of its stem.
AS_TYPED = "simple"
# Private characters, which no text has a use for: whatever else marked a match could be part of one.
START, STOP = "\ue000", "\ue001"
MATCH = re.compile(f"{START}(.*?){STOP}", re.DOTALL)
TOKENS = re.compile(r'-?"[^"]*"|\S+')


class AttributesVector(SearchVectorCombinable, Func):
    """The words and numbers that are values of attributes; their names would be the same for all products.

    A migration makes it, too: with `config` and `weight` of its own, but with this template, which has to stay.
    """

    function = "jsonb_to_tsvector"
    template = (
        """setweight(%(function)s('%(config)s'::regconfig, %(expressions)s, '["string", "numeric"]'), '%(weight)s')"""
    )
    output_field = SearchVectorField()
    config = None


def vector() -> CombinedExpression:
    """What a product is found by; names also as they are written, for words that are still being typed."""
    return (
        SearchVector("name", weight="A", config=CONFIG)
        + SearchVector("sku", weight="A", config=CONFIG)
        + SearchVector("description", weight="B", config=CONFIG)
        + AttributesVector("attributes", weight="C", config=CONFIG)
        + SearchVector("name", weight="A", config=AS_TYPED)
    )


def query(words: str) -> SearchQuery | CombinedSearchQuery:
    """Quotes, OR and - as in web search; the last word is also taken for the beginning of one."""
    whole = SearchQuery(words, config=CONFIG, search_type="websearch")
    *before, last = TOKENS.findall(words) or [""]
    if not re.fullmatch(r"\w+", last) or last.lower() == "or":
        return whole
    begun = SearchQuery(f"'{last}':*", config=AS_TYPED, search_type="raw")
    alternatives = [place for place, token in enumerate(before) if token.lower() == "or"]
    if clause := before[alternatives[-1] + 1 :] if alternatives else before:
        begun = SearchQuery(" ".join(clause), config=CONFIG, search_type="websearch") & begun
    return whole | begun


def headline(field: str, words: str, config: str = CONFIG, **extent: Any) -> SearchHeadline:
    """The field with its matches between START and STOP; `extent` says how much of it, as SearchHeadline takes it."""
    return SearchHeadline(field, query(words), config=config, start_sel=START, stop_sel=STOP, **extent)


def segments(marked: str) -> list[dict[str, str | bool]]:
    """A headline cut where matches begin and end."""
    return [
        {"text": text, "match": place % 2 == 1}
        for place, part in enumerate(MATCH.split(marked))
        if (text := part.replace(START, "").replace(STOP, ""))
    ]
