"""The words that the catalogue has, and the one that a customer may have meant by a word that it lacks.

The values of attributes are collected with them, and their types found out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from cachetools import TTLCache, cached
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count, Max
from rapidfuzz import process
from rapidfuzz.distance import OSA

from catalog import attribute_types, attribute_values
from catalog.models import MAX_WORD, Category, Product, VocabularyWord
from catalog.synonyms import Synonym
from catalog.words import folded, stems

# The commonest are kept: comparing a word with so many takes 2 ms.
MOST = 20_000
SHORTEST = 3  # Letters. Of shorter words, too many are as near as any other.
# Slips of the finger: letters left out, put in, changed or swapped.
MOST_SLIPS = {SHORTEST: 1, 6: 2}
MOST_CORRECTED = 5  # words of a query
LOCK = 0x4C414D5007  # Key of a PostgreSQL advisory lock: two processes never collect at once.
# Seconds for which a process keeps the vocabulary.
KEPT = 60
MADE_OF = "lamplight:words-values-types-and-samples"
WORD = re.compile(rf"(?<![\w-])[^\W\d_]{{{SHORTEST},{MAX_WORD}}}(?!\w)")
COLLECT = f"""
    INSERT INTO {VocabularyWord._meta.db_table} (word, products)
    SELECT word, ndoc FROM ts_stat($$
        SELECT to_tsvector('simple', regexp_replace(
            product.name || ' ' || category.name || ' ' || product.description || ' '
            || jsonb_path_query_array(attributes, '$.* ? (@.type() == "string")')::text,
            '[-/\\_+&|\u2010-\u2015]', ' ', 'g'
        ))
        FROM {Product._meta.db_table} product JOIN {Category._meta.db_table} category ON category.id = category_id
    $$) WHERE word ~ '^[[:alpha:]]{{{SHORTEST},{MAX_WORD}}}$' ORDER BY ndoc DESC, word LIMIT {MOST}
"""


def refresh() -> bool:
    """Collect the catalogue's words and values anew if it changed. Whether it did.

    A million products take half a minute. Does nothing while another process does it.
    """
    names = list(Category.objects.order_by("pk").values_list("name", flat=True))
    state = str([Product.objects.aggregate(Count("pk"), Max("updated_at")), names])
    if cache.get(MADE_OF) == state and VocabularyWord.objects.exists():
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return False
        VocabularyWord.objects.all().delete()
        cursor.execute(COLLECT)
        attribute_values.collect(cursor)
        attribute_types.collect()
    cache.set(MADE_OF, state, None)
    return True


def did_you_mean(words: str) -> str | None:
    """The words, each that no product has in any form replaced by the most similar one that the catalogue has.

    None if there is none, or none is similar. Whether what comes back finds anything is left to the caller.
    """
    asked = list(dict.fromkeys(found[0] for found in WORD.finditer(words)))
    known = _known()
    lacking = [word for word, own in zip(asked, stems(asked), strict=True) if not own <= known.stems]
    meant = {word: known.nearest(word) for word in lacking[:MOST_CORRECTED]}
    corrected = WORD.sub(lambda found: meant.get(found[0], found[0]), words)
    return None if corrected == words else corrected


@dataclass(frozen=True)
class _Known:
    words: Mapping[str, tuple[str, int]]
    """The words as they are written, and how many products have each, by the folded word."""
    stems: frozenset[str]

    def nearest(self, word: str) -> str:
        """The most similar word; the commonest of several, or the word itself if none is similar."""
        plain = folded(word).lower()
        slips = max(most for length, most in MOST_SLIPS.items() if length <= max(SHORTEST, len(plain)))
        near = process.extract(plain, self.words.keys(), scorer=OSA.distance, score_cutoff=slips, limit=None)
        best = min(near, key=lambda found: (found[1], -self.words[found[0]][1]), default=None)
        return self.words[best[0]][0] if best else word


@cached(TTLCache(maxsize=1, ttl=KEPT), lock=Lock())
def _known() -> _Known:
    """The words of the catalogue, and what customers say for them."""
    words = {folded(one.word): (one.word, one.products) for one in VocabularyWord.objects.all()}
    for said in Synonym.objects.values_list("words", flat=True):
        words = {folded(word).lower(): (word.lower(), 0) for word in WORD.findall(said)} | words
    return _Known(words, frozenset().union(*stems(list(words))))
