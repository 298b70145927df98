"""Tags: values that products seem to have of attributes that nobody wrote, told by those products that have them.

Pending is a query: a product is looked at again when its words, its photos or the tagger changed. Only what the shop's
own attributes prove to be right often enough is said (ml.value_choice).
"""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import lru_cache, partial

import numpy as np
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery, Sum, TextField
from django.db.models.functions import Cast, Coalesce, Length

from catalog.models import Photo, Product
from catalog.validators import MAX_VALUE_LENGTH
from descriptions import photo_colours
from descriptions.evidence import AttributeEvidence, Candidate, Described, Examples, Neighbours, parts
from descriptions.models import Tag, Tagger, Tagging
from descriptions.wordings import excerpt, tokens
from ml.feature_scaling import unit
from ml.imagenet_labels import Labels, labels_of
from ml.product_colours import BOXES
from ml.recipes import Recipe, WeightsError
from ml.sampling import sampled
from ml.value_choice import FEWEST, Candidates, ValueModel, fit, folds
from search.claiming import claim
from search.models import Embedding, Space
from search.photo_states import pending as pending_photos
from search.store import vectors
from search.text_indexing import LONGEST_VALUE

logger = logging.getLogger(__name__)
# Products that others are compared with. A product takes 3 ms with so many, and more do not tell much more.
MOST_EXAMPLES = 2_000
MOST_NAMES = 20  # attributes, the commonest
# Of a category whose products hardly ever have an attribute, nobody misses it.
FEWEST_IN_CATEGORY = 5
BATCH = 64
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
    ids = np.array(_labelled().filter(_is_indexed(space)).order_by("pk").values_list("pk", flat=True), np.int64)
    chosen = sampled(ids, MOST_EXAMPLES, seed).tolist()
    products = described(space, chosen)
    found = {name: model for name, model in _models(products) if model} if products else {}
    with transaction.atomic():
        tagger = Tagger.objects.create(
            space=space,
            learned={name: asdict(model) for name, model in found.items()},
            examples=[product.pk for product in products],
            letters=_letters(),
        )
        Tagger.objects.exclude(pk=tagger.pk).delete()
    return tagger


def pending(tagger: Tagger, after: int = 0) -> QuerySet[Product]:
    """The products with an id above `after` that the tagger has not looked at as they are."""
    own = Photo.objects.filter(product_id=OuterRef(OuterRef("pk"))).order_by()
    photos = Coalesce(Subquery(own.values("product_id").values(count=Count("pk"))), 0)
    seen = Tagging.objects.filter(
        product_id=OuterRef("pk"), tagger=tagger, digest=OuterRef("text_digest"), photos=photos
    )
    return Product.objects.filter(~Exists(seen), _is_indexed(tagger.space), pk__gt=after)


def tag_batch(tagger: Tagger, size: int = BATCH) -> int:
    """Look at up to `size` pending products, in one transaction. Returns how many were looked at.

    What was proposed for them before is replaced. What staff rejected is not proposed again.
    """
    with transaction.atomic():
        products = claim(("tags", tagger.pk), partial(pending, tagger), size)
        if not products:
            return 0
        found = list(_told(tagger, products))
        _replace(products, found)
        counts = dict(
            Photo.objects.filter(product__in=products).order_by().values_list("product").annotate(Count("pk"))
        )
        Tagging.objects.filter(product__in=products).delete()
        Tagging.objects.bulk_create(
            Tagging(product=one, tagger=tagger, digest=one.text_digest, photos=counts.get(one.pk, 0))
            for one in products
        )
    return len(products)


def described(space: Space, ids: Sequence[int]) -> list[Described]:
    """Those of the products that are indexed in the space, in the order of their ids."""
    photos: dict[int, list[Photo]] = {}
    for photo in Photo.objects.filter(product__in=ids).order_by("pk"):
        photos.setdefault(photo.product_id, []).append(photo)
    every = [photo for own in photos.values() for photo in own]
    indexed, stored = vectors.read(space, sorted(photo.pk for photo in every))
    by_photo = dict(zip(indexed.tolist(), unit(stored), strict=True))
    shares = photo_colours.of_photos(every)
    labels = _labels(space)
    return [
        one
        for product in Product.objects.filter(pk__in=ids).order_by("pk").defer("search_vector")
        if (one := _described(product, photos.get(product.pk, []), by_photo, shares, labels))
    ]


def _described(
    product: Product,
    photos: Sequence[Photo],
    vectors: Mapping[int, np.ndarray],
    shares: Mapping[int, np.ndarray],
    labels: Labels | None,
) -> Described | None:
    own = [vectors[photo.pk] for photo in photos if photo.pk in vectors]
    if not own:
        return None
    seen = [shares[photo.pk] for photo in photos if photo.pk in shares]
    colours = np.mean(seen, axis=0) if seen else np.zeros(BOXES, np.float32)
    text = f"{product.name}. {product.description}"
    shown = labels.likeliest(np.stack(own)) if labels else {}
    return Described(product.pk, product.category_id, product.attributes, tokens(text), np.stack(own), colours, shown)


def _labels(space: Space) -> Labels | None:
    """ImageNet's labels, where the space's vectors tell them."""
    try:
        return labels_of(Recipe.from_dict(space.recipe))
    except WeightsError:  # The weights of a space that was made elsewhere may not lie here.
        logger.warning("%s: ImageNet's labels cannot be told", space)
        return None


def _labelled() -> QuerySet[Product]:
    return Product.objects.exclude(attributes={})


def _letters() -> int:
    """How much all attributes have to say. A million products are counted in half a second."""
    written = Length(Cast("attributes", TextField()))
    return _labelled().aggregate(letters=Sum(written))["letters"] or 0


def _is_indexed(space: Space) -> Exists:
    return Exists(Embedding.objects.filter(space_id=space.pk, photo__product_id=OuterRef("pk")))


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


@lru_cache(maxsize=1)
def _loaded(
    tagger_id: int, fitted_at: datetime
) -> tuple[Examples, dict[str, tuple[AttributeEvidence, ValueModel, Counter[int]]]] | None:
    """What a tagger compares with: its examples, and for each attribute what they tell and where it is usual.

    Of its examples some may be gone. None if all are.
    """
    tagger = Tagger.objects.select_related("space").get(pk=tagger_id, fitted_at=fitted_at)
    products = described(tagger.space, tagger.examples)
    if not products:
        return None
    usual = {
        name: Counter(product.category_id for product in products if parts(product.attributes.get(name)))
        for name in tagger.told
    }
    examples = Examples(products)
    return examples, {
        name: (AttributeEvidence(examples, name), ValueModel.from_dict(tagger.learned[name]), having)
        for name, having in usual.items()
        if having.total()
    }


def _told(tagger: Tagger, products: Sequence[Product]) -> Iterator[Tag]:
    """What the tagger says of products."""
    loaded = _loaded(tagger.pk, tagger.fitted_at)
    if loaded is None:
        return
    examples, attributes = loaded
    texts = {product.pk: f"{product.name}. {product.description}" for product in products}
    lacking = [product.pk for product in products if attributes.keys() - product.attributes.keys()]
    for product in described(tagger.space, lacking):
        near = examples.neighbours(product)
        for name, (evidence, model, usual) in attributes.items():
            if name in product.attributes or usual[product.category_id] < FEWEST_IN_CATEGORY:
                continue
            if tag := _tag(product, evidence, model, near, texts[product.pk]):
                yield tag


def _tag(product: Described, evidence: AttributeEvidence, model: ValueModel, near: Neighbours, text: str) -> Tag | None:
    candidates = evidence.candidates(product, near)
    if not candidates:
        return None
    choice = model.choose(np.array([one.features for one in candidates]))
    chosen = [candidates[place] for place in sorted(choice.candidates)]  # Those that are named come in their order.
    value = ", ".join(evidence.spelled(one.value) for one in chosen)
    if choice.confidence < model.least_confidence or len(value) > MAX_VALUE_LENGTH:
        return None
    return Tag(
        product_id=product.pk,
        name=evidence.name,
        value=value,
        confidence=choice.confidence,
        evidence={"precision": model.precision, "values": [_evidence(one, evidence, text) for one in chosen]},
    )


def _evidence(one: Candidate, attribute: AttributeEvidence, text: str) -> dict[str, object]:
    """What speaks for a value, as staff are shown it."""
    value = attribute.spelled(one.value)
    words = excerpt(text, value) if one.named else ""
    return {"value": value, "words": words, "near": list(one.near), "votes": one.votes, "likeness": one.likeness}


def _replace(products: Sequence[Product], found: Sequence[Tag]) -> None:
    """Propose what was found, but nothing that staff have decided on already."""
    Tag.objects.filter(product__in=products, state=Tag.State.PROPOSED).delete()
    decided = set(Tag.objects.filter(product__in=products).values_list("product_id", "name", "value"))
    Tag.objects.bulk_create(tag for tag in found if (tag.product_id, tag.name, tag.value) not in decided)
