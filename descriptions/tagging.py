"""Tags: values that products seem to have of attributes that nobody wrote, told by those products that have them.

Pending is a query: a product is looked at again when its words, its photos or the tagger changed. Only what the shop's
own attributes prove to be right often enough is said (ml.value_choice).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from catalog.models import MAX_CAPTION, Photo, Product
from catalog.validators import MAX_VALUE_LENGTH
from descriptions.described_products import described, text_of
from descriptions.evidence import AttributeEvidence, Candidate, Described, Examples, Neighbours, parts
from descriptions.models import Tag, Tagger, Tagging
from descriptions.plain_captions import PLAIN, colour, written
from descriptions.tag_learning import is_indexed
from descriptions.wordings import excerpt
from ml.arrays import Floats
from ml.value_choice import ValueModel
from search.claiming import claim

# Of a category whose products hardly ever have an attribute, nobody misses it.
FEWEST_IN_CATEGORY = 5
BATCH = 64


def pending(tagger: Tagger, after: int = 0) -> QuerySet[Product]:
    """The products with an id above `after` that the tagger has not looked at as they are."""
    own = Photo.objects.filter(product_id=OuterRef(OuterRef("pk"))).order_by()
    photos = Coalesce(Subquery(own.values("product_id").values(count=Count("pk"))), 0)
    seen = Tagging.objects.filter(
        product_id=OuterRef("pk"), tagger=tagger, digest=OuterRef("text_digest"), photos=photos
    )
    return Product.objects.filter(~Exists(seen), is_indexed(tagger.space), pk__gt=after)


def tag_batch(tagger: Tagger, size: int = BATCH) -> int:
    """Look at up to `size` pending products, in one transaction. Returns how many were looked at.

    What was proposed for them before is replaced. What staff rejected is not proposed again. Where the shop has no
    vision-language model, they get a plain caption.
    """
    with transaction.atomic():
        products = claim(("tags", tagger.pk), partial(_pending, tagger), size)
        if products:
            _look(tagger, products)
            _remember(tagger, products)
    return len(products)


def _pending(tagger: Tagger, after: int) -> QuerySet[Product]:
    return pending(tagger, after).select_related("category").defer("search_vector")


def _look(tagger: Tagger, products: Sequence[Product]) -> None:
    """Propose tags, and write plain captions."""
    loaded = _loaded(tagger.pk, tagger.fitted_at)
    if loaded is None:
        return
    examples, attributes = loaded
    by_id = {product.pk: product for product in products}
    shown = described(tagger.space, [*by_id])
    found = [tag for one in shown for tag in _told(one, examples, attributes, text_of(by_id[one.pk]))]
    proposed = _replace(products, found)
    if not settings.CAPTION_URL:
        for one in shown:
            values = [tag.value for tag in proposed if tag.product_id == one.pk]
            _caption(by_id[one.pk], one, values, examples.usual_terms)


def _caption(product: Product, shown: Described, values: Sequence[str], usual: Floats) -> None:
    """Give it its plain caption, unless a model has described it."""
    if product.caption_source not in ("", PLAIN):
        return
    caption = written(product.category.name, colour(shown, usual, values), values)[:MAX_CAPTION]
    if caption != product.caption:
        source = PLAIN if caption else ""
        Product.objects.filter(pk=product.pk).update(caption=caption, caption_source=source)


def _remember(tagger: Tagger, products: Sequence[Product]) -> None:
    """Settle the products as they are now, with the captions that they may just have got."""
    digests = dict(Product.objects.filter(pk__in=[one.pk for one in products]).values_list("pk", "text_digest"))
    photos = Photo.objects.filter(product__in=products).order_by().values_list("product").annotate(Count("pk"))
    counts = dict(photos)
    Tagging.objects.filter(product__in=products).delete()
    Tagging.objects.bulk_create(
        Tagging(product=one, tagger=tagger, digest=digests[one.pk], photos=counts.get(one.pk, 0)) for one in products
    )


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


def _told(
    product: Described,
    examples: Examples,
    attributes: Mapping[str, tuple[AttributeEvidence, ValueModel, Counter[int]]],
    text: str,
) -> Iterator[Tag]:
    """The attributes that the product lacks, as far as they can be told."""
    lacking = attributes.keys() - product.attributes.keys()
    near = examples.neighbours(product) if lacking else None
    for name, (evidence, model, usual) in attributes.items():
        if near is None or name not in lacking or usual[product.category_id] < FEWEST_IN_CATEGORY:
            continue
        if tag := _tag(product, evidence, model, near, text):
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


def _replace(products: Sequence[Product], found: Sequence[Tag]) -> list[Tag]:
    """Propose what was found, but nothing that staff have decided on already. Returns what is proposed now."""
    Tag.objects.filter(product__in=products, state=Tag.State.PROPOSED).delete()
    decided = set(Tag.objects.filter(product__in=products).values_list("product_id", "name", "value"))
    return Tag.objects.bulk_create(tag for tag in found if (tag.product_id, tag.name, tag.value) not in decided)
