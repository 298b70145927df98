"""Tags in the database: what is proposed, and what staff have decided."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from catalog.models import Product
from descriptions.evidence import parts
from descriptions.models import Tag


def replace(products: Sequence[Product], told: Mapping[int, Sequence[Tag]]) -> Mapping[int, list[Tag]]:
    """Propose what is told of the products, which the caller has locked, and nothing else.

    Returns what is proposed, by product. What staff rejected is not proposed again, in whatever spelling. What they
    accepted is proposed again if it is no attribute any more: an import may have emptied it.
    """
    before: dict[int, list[Tag]] = defaultdict(list)
    for tag in Tag.objects.filter(product__in=products).order_by("pk"):
        before[tag.product_id].append(tag)
    proposed = {product.pk: _merged(product, before[product.pk], told.get(product.pk, [])) for product in products}
    every = [tag for tags in proposed.values() for tag in tags]
    kept = [tag.pk for tag in every if tag.pk]
    Tag.objects.filter(product__in=products, state=Tag.State.PROPOSED).exclude(pk__in=kept).delete()
    Tag.objects.bulk_update([tag for tag in every if tag.pk], ["confidence", "evidence", "state"])
    Tag.objects.bulk_create(tag for tag in every if not tag.pk)
    return proposed


def _merged(product: Product, before: Sequence[Tag], told: Sequence[Tag]) -> list[Tag]:
    """The tags that are proposed for a product now: those there were keep their rows."""
    lacking = [tag for tag in before if tag.name not in product.attributes]
    again = [tag for tag in lacking if tag.state == Tag.State.ACCEPTED or tag.evidence.get("accepted")]
    for tag in again:
        tag.state, tag.evidence = Tag.State.PROPOSED, {**tag.evidence, "accepted": True}
    proposed = {tag.name: tag for tag in again}
    rejected = {(tag.name, _said(tag)) for tag in before if tag.state == Tag.State.REJECTED}
    same = {(tag.name, tag.value): tag for tag in before if tag.state == Tag.State.PROPOSED}
    for tag in told:
        if tag.name in proposed or (tag.name, _said(tag)) in rejected:
            continue
        if known := same.get((tag.name, tag.value)):
            known.confidence, known.evidence = tag.confidence, tag.evidence
        proposed[tag.name] = known or tag
    return list(proposed.values())


def _said(tag: Tag) -> frozenset[str]:
    return frozenset(part.casefold() for part in parts(tag.value))
