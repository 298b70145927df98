"""Tags: values that products seem to have of attributes that nobody wrote, told by those products that have them.

Pending is a query: a product is looked at again when its texts, its category, its photos or the tagger changed. Only
what the shop's own attributes prove to be right often enough is said (ml.value_choice).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Expression, Max, OuterRef, QuerySet, Subquery, TextField, Value
from django.db.models.functions import MD5, Cast, Coalesce, Concat

from catalog.models import MAX_CAPTION, Photo, Product
from catalog.validators import MAX_VALUE_LENGTH
from descriptions import proposals
from descriptions.described_products import described, text_of
from descriptions.evidence import AttributeEvidence, Candidate, Described, Examples, Neighbours, parts
from descriptions.models import PLAIN, Tag, Tagger, Tagging
from descriptions.plain_captions import colour, written
from descriptions.tag_learning import examples
from descriptions.wordings import excerpt
from ml.value_choice import ValueModel
from search import photo_states

# Of a category with fewer examples that have an attribute, nobody misses it.
FEWEST_IN_CATEGORY = 5
BATCH = 64
TEXT = TextField()


class Teller:
    """Tells the attributes that products lack."""

    def __init__(self, tagger: Tagger) -> None:
        self.usual_terms = np.array(tagger.usual_terms)
        self.attributes: dict[str, tuple[AttributeEvidence, ValueModel]] = {}
        self._usual: dict[str, Counter[int]] = {}
        if not (products := examples(tagger.space, tagger.examples)):  # They may be gone.
            return
        compared = Examples(products)
        for name in tagger.told:
            having = Counter(product.category_id for product in products if parts(product.attributes.get(name)))
            if having:
                evidence = AttributeEvidence(compared, name, self.usual_terms)
                self.attributes[name] = evidence, ValueModel.from_dict(tagger.learned[name])
                self._usual[name] = having

    def tags(self, product: Described, text: str) -> Iterator[Tag]:
        """What can be told of the product. None of it is stored."""
        near: Neighbours | None = None
        for name, (evidence, model) in self.attributes.items():
            if name not in product.attributes and self._usual[name][product.category_id] >= FEWEST_IN_CATEGORY:
                near = near or evidence.examples.neighbours(product)
                if tag := _tag(product, evidence, model, near, text):
                    yield tag


@lru_cache(maxsize=1)
def _teller(tagger_id: int, fitted_at: datetime) -> Teller:
    return Teller(Tagger.objects.select_related("space").get(pk=tagger_id, fitted_at=fitted_at))


def pending(tagger: Tagger, after: int = 0) -> QuerySet[Product]:
    """The products with an id above `after` that the tagger has not looked at as they are. Sets `state`."""
    seen = Tagging.objects.filter(product_id=OuterRef("pk"), tagger=tagger, state=OuterRef("state"))
    return _with_state(Product.objects.filter(pk__gt=after)).filter(~Exists(seen)).defer("search_vector")


def look(tagger: Tagger, size: int = BATCH) -> Iterator[int]:
    """Look at the pending products, `size` a transaction. Yields how many were settled.

    What was proposed for them before is replaced, and they get plain captions where the shop has no vision-language
    model. It ends when nothing is left, or when a newer tagger has taken this one's place. Products that somebody
    else is changing, and those whose photos are not indexed yet, stay pending.
    """
    try:
        teller, after = _teller(tagger.pk, tagger.fitted_at), 0
    except Tagger.DoesNotExist:
        return
    while batch := list(pending(tagger, after).select_related("category").order_by("pk")[:size]):
        after = batch[-1].pk
        # Reading photos and telling take their time, so nothing is locked meanwhile.
        shown = {one.pk: one for one in described(tagger.space, [product.pk for product in batch])}
        told = {
            product.pk: list(teller.tags(shown[product.pk], text_of(product)))
            for product in batch
            if product.pk in shown
        }
        with transaction.atomic():
            if not Tagger.objects.select_for_update(no_key=True).filter(pk=tagger.pk).exists():
                return
            products = _unchanged(batch)
            proposed = proposals.replace(products, told)
            for product in products:
                _caption(product, shown.get(product.pk), proposed.get(product.pk, []), teller)
            settled = _settle(tagger, products)
        yield settled


def _with_state(products: QuerySet[Product]) -> QuerySet[Product]:
    """Sets `state`, which differs when anything changed that tags are told by."""
    own = Photo.objects.filter(product_id=OuterRef("pk")).order_by().values("product_id")
    photos = own.annotate(told=_text(Count("pk"), Max("pk"))).values("told")
    return products.annotate(state=MD5(_text("text_digest", "category_id", Coalesce(Subquery(photos), Value("")))))


def _text(*told: Expression | str) -> Expression:
    """A text of all, with a blank before each."""
    blank = Value(" ", output_field=TEXT)
    return Concat(*(part for one in told for part in (blank, Cast(one, TEXT))), output_field=TEXT)


def _unchanged(batch: Sequence[Product]) -> list[Product]:
    """Lock those of the products that nobody has changed or holds."""
    states = {product.pk: _state(product) for product in batch}
    locked = Product.objects.filter(pk__in=states).select_for_update(skip_locked=True, no_key=True, of=("self",))
    now = _with_state(locked.select_related("category").defer("search_vector")).order_by("pk")
    return [product for product in now if _state(product) == states[product.pk]]


def _state(product: Product) -> str:
    return product.state  # type: ignore[attr-defined]  # by _with_state


def _settle(tagger: Tagger, products: Sequence[Product]) -> int:
    """Remember the products as they are now, with the captions that they may just have got. How many are settled.

    Those with a photo that is still to be indexed are not: they are looked at again.
    """
    ids = [product.pk for product in products]
    waiting = photo_states.pending(tagger.space).filter(product__in=ids).values("product")
    Tagging.objects.filter(product__in=ids).delete()
    settled = _with_state(Product.objects.filter(pk__in=ids).exclude(pk__in=waiting)).only("pk")
    return len(Tagging.objects.bulk_create(Tagging(product=one, tagger=tagger, state=_state(one)) for one in settled))


def _caption(product: Product, shown: Described | None, proposed: Sequence[Tag], teller: Teller) -> None:
    """Give it its plain caption, unless a model has described it or will."""
    if product.caption_source not in ("", PLAIN) or (settings.CAPTION_URL and not product.caption_source):
        return
    values = [tag.value for tag in proposed]
    seen = colour(shown, teller.usual_terms, values) if shown and settings.TEXT_LANGUAGE == "english" else None
    caption = written(product.category.name, seen, values)[:MAX_CAPTION]
    if caption != product.caption:
        source = PLAIN if caption else ""
        Product.objects.filter(pk=product.pk).update(caption=caption, caption_source=source)


def _tag(product: Described, evidence: AttributeEvidence, model: ValueModel, near: Neighbours, text: str) -> Tag | None:
    candidates = evidence.candidates(product, near)
    if not candidates:
        return None
    choice = model.choose(np.array([one.features for one in candidates]))
    chosen = [candidates[place] for place in sorted(choice.candidates)]  # Those that are named come in their order.
    value = evidence.written([one.value for one in chosen])
    if choice.confidence < model.least_confidence or len(value) > MAX_VALUE_LENGTH:
        return None
    speaking = [_evidence(one, evidence, text) for one in chosen]
    return Tag(
        product_id=product.pk,
        name=evidence.name,
        value=value,
        confidence=choice.confidence,
        evidence={"precision": model.precision, "values": speaking},
    )


def _evidence(one: Candidate, attribute: AttributeEvidence, text: str) -> Mapping[str, object]:
    """What speaks for a value, as staff are shown it."""
    return {
        "value": attribute.spelled(one.value),
        "words": excerpt(text, one.value) if one.named else "",
        "near": list(one.near),
        "votes": one.votes,
        "likeness": one.likeness,
        "label": one.label,
    }
