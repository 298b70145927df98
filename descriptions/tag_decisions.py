"""What staff decide on tags: accepted ones become attributes, rejected ones are not proposed again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from catalog.models import Product
from catalog.validators import validate_attributes
from descriptions.models import Tag, Tagging


@dataclass
class Accepted:
    """What became of tags that staff accepted."""

    tags: list[Tag] = field(default_factory=list)
    """Their values are attributes now."""
    answered: int = 0
    """Tags of attributes that somebody had written meanwhile. What was written stays, and the tag is gone."""
    refused: int = 0
    """Tags of products that hold no more attributes."""


def accept(ids: Collection[int]) -> Accepted:
    """Make attributes of proposed or rejected tags. An attribute that a product has is never written over."""
    done = Accepted()
    with transaction.atomic():
        products = _locked(ids)
        for tag in _of(products, ids).exclude(state=Tag.State.ACCEPTED):
            _accept(tag, products[tag.product_id], done)
        for pk in {tag.product_id for tag in done.tags}:
            products[pk].save(update_fields=["attributes", "updated_at"])  # Not in bulk: the signals tell of each.
    return done


def reject(ids: Collection[int]) -> list[Tag]:
    """Propose these no more. Returns those that were proposed until now."""
    with transaction.atomic():
        products = _locked(ids)
        tags = list(_of(products, ids).filter(state=Tag.State.PROPOSED))
        for tag in tags:
            tag.state = Tag.State.REJECTED
            tag.evidence.pop("accepted", None)
        Tag.objects.bulk_update(tags, ["state", "evidence"])
        # They are looked at again, since their plain captions have these values.
        Tagging.objects.filter(product__in={tag.product_id for tag in tags}).delete()
    return tags


def _locked(ids: Collection[int]) -> Mapping[int, Product]:
    """The products of the tags. Nobody else decides on them, and no batch looks at them, until the transaction ends."""
    products = Product.objects.filter(pk__in=Tag.objects.filter(pk__in=ids).values("product")).order_by("pk")
    return {product.pk: product for product in products.defer("search_vector").select_for_update(no_key=True)}


def _of(products: Mapping[int, Product], ids: Collection[int]) -> QuerySet[Tag]:
    return Tag.objects.filter(pk__in=ids, product__in=products.keys()).order_by("product_id", "pk")


def _accept(tag: Tag, product: Product, done: Accepted) -> None:
    tag.product = product
    if tag.name in product.attributes:
        tag.delete()
        done.answered += 1
        return
    attributes = {**product.attributes, tag.name: tag.value}
    try:
        validate_attributes(attributes)
    except ValidationError:
        done.refused += 1
        return
    product.attributes, tag.state = attributes, Tag.State.ACCEPTED
    tag.evidence.pop("accepted", None)
    tag.save(update_fields=["state", "evidence"])
    done.tags.append(tag)
