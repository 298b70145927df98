"""Learning to tell the attributes that products lack, by those products that have them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Sum, TextField
from django.db.models.functions import Cast, Length

from catalog.models import Product
from descriptions.described_products import described
from descriptions.evidence import AttributeEvidence, Candidate, Described, Examples, parts
from descriptions.models import Tagger
from ml.sampling import sampled
from ml.value_choice import FEWEST, Candidates, ValueModel, fit, folds
from search.models import Embedding, Space
from search.photo_states import pending as pending_photos
from search.text_indexing import LONGEST_VALUE

# Products that others are compared with. A product takes 5 ms with so many, and more do not tell much more.
MOST_EXAMPLES = 2_000
MOST_NAMES = 20  # attributes, the commonest; with so many examples each takes 6 s to learn
LETTERS = re.compile(r"[^\W\d_]{2}")  # "80" is measured, not told by words.
CHANGED_ENOUGH = 0.1  # the share of all attributes that came or went until they are learned from anew


def is_due(space: Space) -> bool:
    """Whether the space's attributes are to be learned from, for the first time or anew."""
    if pending_photos(space).exists():
        return False
    newest = newest_tagger(space)
    return newest is None or abs(_letters() - newest.letters) > CHANGED_ENOUGH * newest.letters


def learn_if_due(space: Space) -> Tagger | None:
    """Learn anew if that is due."""
    return learn(space) if is_due(space) else None


def newest_tagger(space: Space) -> Tagger | None:
    return Tagger.objects.filter(space=space).order_by("-pk").first()


def learn(space: Space, seed: int = 0) -> Tagger:
    """Learn from the products that have attributes, and put what was learned in use."""
    indexed = Product.objects.filter(is_indexed(space)).order_by("pk")
    ids = list(indexed.exclude(attributes={}).values_list("pk", flat=True))
    if len(ids) < FEWEST:  # What is usual in the shop is told by any.
        ids = list(indexed.values_list("pk", flat=True))
    products = described(space, sampled(np.array(ids, np.int64), MOST_EXAMPLES, seed).tolist())
    found = {name: model for name, model in _models(products) if model}
    with transaction.atomic():
        tagger = Tagger.objects.create(
            space=space,
            learned={name: asdict(model) for name, model in found.items()},
            examples=[product.pk for product in products],
            letters=_letters(),
        )
        Tagger.objects.exclude(pk=tagger.pk).delete()
    return tagger


def _models(products: Sequence[Described]) -> Iterator[tuple[str, ValueModel | None]]:
    """What can be learned of each attribute."""
    for name in _names(products):
        yield name, _model([product for product in products if parts(product.attributes.get(name))], name)


def _names(products: Iterable[Described]) -> list[str]:
    """The commonest attributes whose values are words."""
    counts = Counter(
        name
        for product in products
        for name, value in product.attributes.items()
        if isinstance(value, str) and len(value) <= LONGEST_VALUE and LETTERS.search(value)
    )
    return [name for name, _ in counts.most_common(MOST_NAMES)]


def _model(products: Sequence[Described], name: str) -> ValueModel | None:
    """What is learned of an attribute from products that have it, each told by those of the other folds alone."""
    if len(products) < FEWEST:
        return None
    found: list[list[Candidate]] = [[] for _ in products]
    for learned, held in folds(len(products)):
        evidence = AttributeEvidence(Examples([products[row] for row in learned]), name)
        for row in held:
            found[row] = evidence.candidates(products[row], evidence.examples.neighbours(products[row]))
    whole = AttributeEvidence(Examples(products), name)
    right = [[one.value in held for one in own] for own, held in zip(found, whole.held, strict=True)]
    return fit(
        Candidates(
            np.array([one.features for own in found for one in own]),
            np.repeat(np.arange(len(products)), [len(own) for own in found]),
        ),
        np.array([one for own in right for one in own], bool),
        np.array([_in_order(own, held) for own, held in zip(found, whole.held, strict=True)]),
        whole.is_list,
    )


def _in_order(candidates: Sequence[Candidate], held: Sequence[str]) -> bool:
    """Whether the candidates have all that a product has, as its list is written: then it can be told rightly."""
    return tuple(one.value for one in candidates if one.value in held) == tuple(held)


def _letters() -> int:
    """How much all attributes have to say. A million products are counted in half a second."""
    written = Length(Cast("attributes", TextField()))
    return Product.objects.aggregate(letters=Sum(written))["letters"] or 0


def is_indexed(space: Space) -> Exists:
    return Exists(Embedding.objects.filter(space_id=space.pk, photo__product_id=OuterRef("pk")))
