"""The texts that products have as the values of their attributes: what a customer's words may name.

Numbers, such as widths, are no texts, also where a catalogue writes them as one.
"""

from typing import Any

from catalog.attributes import Pair
from catalog.models import MAX_ATTRIBUTE_VALUE, AttributeValue, Product

# The commonest are kept: a process reads them once a minute.
MOST = 20_000
COLLECT = f"""
    INSERT INTO {AttributeValue._meta.db_table} (name, value, products)
    SELECT attribute, content #>> '{{}}', count(*)
    FROM {Product._meta.db_table}, jsonb_each(attributes) AS pair (attribute, content)
    WHERE jsonb_typeof(content) = 'string' AND length(content #>> '{{}}') <= {MAX_ATTRIBUTE_VALUE}
        AND content #>> '{{}}' ~ '[[:alpha:]]' AND content #>> '{{}}' !~ '://'
    GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {MOST}
"""


def collect(cursor: Any) -> None:
    """Collect the values anew. The caller's transaction and lock hold (catalog.vocabulary.refresh)."""
    AttributeValue.objects.all().delete()
    cursor.execute(COLLECT)


def known() -> tuple[tuple[Pair, int], ...]:
    """Each name and value with the number of products that have it, the commonest first."""
    rows = AttributeValue.objects.order_by("-products", "name", "value").values_list("name", "value", "products")
    return tuple(((name, value), products) for name, value, products in rows)
