"""Words as a customer types them: what PostgreSQL looks for, and where it finds a match."""

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

# Stems English. Words of other languages are found only in the form in which they are written.
CONFIG = "english"
# Stems nothing: a word that is still being typed begins another word, not that word's stem.
AS_TYPED = "simple"
# Private characters mark a match, since no text uses them. Any other mark could be part of a match.
START, STOP = "\ue000", "\ue001"
MATCH = re.compile(f"{START}(.*?){STOP}", re.DOTALL)
TOKENS = re.compile(r'-?"[^"]*"|\S+')


class AttributesVector(SearchVectorCombinable, Func):
    """The words and numbers in the values of attributes. Their names would be the same for all products.

    A migration makes it, too, with its own `config` and `weight` but with this template. So the template has to stay.
    """

    function = "jsonb_to_tsvector"
    template = (
        """setweight(%(function)s('%(config)s'::regconfig, %(expressions)s, '["string", "numeric"]'), '%(weight)s')"""
    )
    output_field = SearchVectorField()
    config = None


def vector() -> CombinedExpression:
    """The words that a product is found by. Names are also kept as written, for words that are still being typed."""
    return (
        SearchVector("name", weight="A", config=CONFIG)
        + SearchVector("sku", weight="A", config=CONFIG)
        + SearchVector("description", weight="B", config=CONFIG)
        + AttributesVector("attributes", weight="C", config=CONFIG)
        + SearchVector("name", weight="A", config=AS_TYPED)
    )


def query(words: str) -> SearchQuery | CombinedSearchQuery:
    """Reads quotes, OR and - as web search does. The last word may also be the beginning of one."""
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
    """The field with its matches between START and STOP. `extent` tells SearchHeadline how much of it to show."""
    return SearchHeadline(field, query(words), config=config, start_sel=START, stop_sel=STOP, **extent)


def segments(marked: str) -> list[dict[str, str | bool]]:
    """A headline, cut where matches begin and end."""
    return [
        {"text": text, "match": place % 2 == 1}
        for place, part in enumerate(MATCH.split(marked))
        if (text := part.replace(START, "").replace(STOP, ""))
    ]
