"""Learning to tell the attributes that products lack, by those products that have them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef

from catalog.models import Photo, Product
from descriptions.described_products import described
from descriptions.evidence import AttributeEvidence, Candidate, Described, Examples, parts, usual_terms
from descriptions.models import Tag, Tagger
from ml.arrays import Floats
from ml.colour_names import TERMS
from ml.sampling import sampled
from ml.value_choice import FEWEST, Candidates, ValueModel, fit, folds
from search.models import Embedding, Space
from search.photo_states import pending as pending_photos

# Products that others are compared with. More do not tell much more, and take longer.
MOST_EXAMPLES = 2_000
LEAST_OF_CATEGORY = 20  # examples, however many categories there are
MOST_NAMES = 20  # attributes, the commonest
LETTERS = re.compile(r"[^\W\d_]{2}")  # "80" is measured, not told by words.
CHANGED_ENOUGH = 0.1  # the share of the products that changed until they are learned from anew
INDEXED_ENOUGH = 0.9  # the share of the photos from which on they are learned from


def is_due(space: Space) -> bool:
    """Whether the space's attributes are to be learned from, for the first time or anew."""
    waiting = int((1 - INDEXED_ENOUGH) * Photo.objects.count())
    if pending_photos(space)[: waiting + 1].count() > waiting:
        return False
    newest = newest_tagger(space)
    if newest is None:
        return True
    gone = max(0, newest.products - Product.objects.count())
    changed = Product.objects.filter(updated_at__gt=newest.fitted_at).count()
    return gone + changed > CHANGED_ENOUGH * newest.products


def learn_if_due(space: Space) -> Tagger | None:
    """Learn anew if that is due."""
    return learn(space) if is_due(space) else None


def newest_tagger(space: Space) -> Tagger | None:
    return Tagger.objects.filter(space=space).order_by("-pk").first()


def learn(space: Space, seed: int = 0) -> Tagger:
    """Learn from the products that have attributes, and put what was learned in use."""
    tagger = learned(space, seed)
    with transaction.atomic():
        tagger.save()
        Tagger.objects.exclude(pk=tagger.pk).delete()
    return tagger


def learned(space: Space, seed: int = 0) -> Tagger:
    """A tagger that is not in use yet: nothing is stored."""
    products = examples(space, _drawn(space, seed))
    usual = usual_terms(products).tolist() if products else [0.0] * len(TERMS)
    models = {name: model for name, model in _models(products, np.array(usual)) if model}
    return Tagger(
        space=space,
        learned={name: asdict(model) for name, model in models.items()},
        examples=[product.pk for product in products],
        usual_terms=usual,
        products=Product.objects.count(),
    )


def examples(space: Space, ids: Sequence[int]) -> list[Described]:
    """The products as people describe them: an attribute that was proposed and accepted teaches nothing new."""
    accepted: dict[int, set[str]] = defaultdict(set)
    tags = Tag.objects.filter(product__in=ids, state=Tag.State.ACCEPTED)
    for product_id, name in tags.values_list("product_id", "name"):
        accepted[product_id].add(name)
    return [
        replace(one, attributes={name: had for name, had in one.attributes.items() if name not in accepted[one.pk]})
        for one in described(space, ids)
    ]


def _drawn(space: Space, seed: int) -> list[int]:
    """Ids of products to learn from: those that have attributes, about as many of each category, drawn at random."""
    indexed = Product.objects.filter(is_indexed(space)).order_by("pk")
    rows = list(indexed.exclude(attributes={}).values_list("category_id", "pk"))
    if len(rows) < FEWEST:  # What is usual in the shop is told by any.
        rows = list(indexed.values_list("category_id", "pk"))
    of_category: dict[int, list[int]] = defaultdict(list)
    for category_id, pk in rows:
        of_category[category_id].append(pk)
    each = max(LEAST_OF_CATEGORY, MOST_EXAMPLES // max(1, len(of_category)))
    return [pk for ids in of_category.values() for pk in sampled(np.array(ids, np.int64), each, seed).tolist()]


def _models(products: Sequence[Described], usual: Floats) -> Iterator[tuple[str, ValueModel | None]]:
    """What can be learned of each attribute."""
    for name in _names(products):
        yield name, _model([one for one in products if parts(one.attributes.get(name))], name, usual)


def _names(products: Iterable[Described]) -> list[str]:
    """The commonest attributes whose values are words."""
    counts = Counter(
        name
        for product in products
        for name, value in product.attributes.items()
        if parts(value) and LETTERS.search(str(value))
    )
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST_NAMES]


def _model(products: Sequence[Described], name: str, usual: Floats) -> ValueModel | None:
    """What is learned of an attribute from products that have it, each told by those of the other folds alone.

    Products of one family may lie in several folds, as a product that lacks an attribute may have siblings with it.
    """
    if len(products) < FEWEST:
        return None
    found: list[list[Candidate]] = [[] for _ in products]
    for others, held in folds(len(products)):
        evidence = AttributeEvidence(Examples([products[row] for row in others]), name, usual)
        for row in held:
            found[row] = evidence.candidates(products[row], evidence.examples.neighbours(products[row]))
    whole = AttributeEvidence(Examples(products), name, usual)
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


def is_indexed(space: Space) -> Exists:
    return Exists(Embedding.objects.filter(space_id=space.pk, photo__product_id=OuterRef("pk")))
