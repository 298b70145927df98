"""Indexing words: what a product's texts say becomes a vector.

Pending is a query here as well: a product whose texts have no vector of the shop's encoder, or changed since then.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.functions import Concat
from numpy.typing import NDArray

from catalog.models import Product
from ml.feature_scaling import unit
from ml.recipes import WeightsError
from ml.text_encoder import Floats, TextEncoder
from search import text_encoders
from search.claiming import claim
from search.models import TextEmbedding
from search.store import text_vectors

# Products a transaction: a third of a second on 2 cores, for which their rows are locked.
BATCH = 64
WORD = re.compile(r"[^\W\d_]{3,}")  # "90x200 cm" has none.
# The version of `texts`. Raise it when it puts them together in another way: all products are then pending.
FORM = "2-"
# An attribute's value says something in so many letters; a longer one is a text of its own, or no words at all.
LONGEST_VALUE = 60


def pending(encoder: TextEncoder, after: int = 0) -> QuerySet[Product]:
    """The products with an id above `after` whose texts have no vector, or changed since it was made."""
    made = TextEmbedding.objects.filter(
        product_id=OuterRef("pk"),
        product_id__gt=after,
        encoder=encoder.model.fingerprint,
        digest=Concat(Value(FORM), OuterRef("text_digest")),
    )
    return Product.objects.filter(~Exists(made), pk__gt=after)


@dataclass(frozen=True)
class Progress:
    """How far the products' texts are."""

    encoder: str
    products: int
    pending: int


def progress() -> Progress | None:
    """How far the texts are; None where the shop has no encoder that can be had."""
    try:
        encoder = text_encoders.text_encoder()
    except WeightsError:
        return None
    if encoder is None:
        return None
    return Progress(encoder.model.fingerprint, Product.objects.count(), pending(encoder).count())


def index_batch(encoder: TextEncoder, size: int = BATCH) -> int:
    """Give up to `size` pending products their vectors, in one transaction. Returns how many got one.

    Products that another worker holds are passed over. Raises ml.recipes.WeightsError.
    """
    with transaction.atomic():
        products = claim(encoder.model.fingerprint, partial(_pending, encoder), size)
        if products:
            rows = [(product.pk, FORM + product.text_digest) for product in products]
            text_vectors.write(encoder.model, rows, embed(encoder, products))
    return len(products)


def embed(encoder: TextEncoder, products: Sequence[Product]) -> Floats:
    """(n, dimensions): the mean of the vectors of a product's two texts, of length 1.

    The mean finds better than the vector of either text, and better than the nearer of both (benchmarks.text_encoders).
    """
    short, long = zip(*map(texts, products), strict=True)
    vectors: NDArray = encoder.encode([*short, *long], "document")
    return unit(vectors[: len(products)] + vectors[len(products) :])


def texts(product: Product) -> tuple[str, str]:
    """What a product is, in a few words, and what else is said of it.

    The name is in the first alone: many are proper names, which draw a longer text's vector away from what it says.
    Values without a word, such as sizes, are in neither, since an encoder cannot compare them. The caption comes last:
    an encoder reads so many words of a text, and the shop's own come first.
    """
    values = [value for value in product.attributes.values() if isinstance(value, str) and _is_words(value)]
    heading = " ".join([product.name, *values])
    said = ", ".join(values)
    described = " ".join(filter(None, [product.description, product.caption]))
    return heading, ". ".join(filter(None, [said, described])) or heading


def _is_words(value: str) -> bool:
    return len(value) <= LONGEST_VALUE and "://" not in value and WORD.search(value) is not None


def _pending(encoder: TextEncoder, after: int) -> QuerySet[Product]:
    return pending(encoder, after).only("name", "description", "attributes", "caption", "text_digest")
