"""What staff decide on tags: accepted ones become attributes, rejected ones are not proposed again."""

from collections.abc import Collection
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.models import Product
from catalog.validators import validate_attributes
from descriptions.models import Tag, Tagging


@dataclass
class Accepted:
    """What became of tags that staff accepted."""

    tags: list[Tag]
    """Their values are attributes now."""
    answered: int = 0
    """Tags of attributes that somebody had written meanwhile. What was written stays, and the tag is gone."""
    refused: int = 0
    """Tags of products that hold no more attributes."""


def accept(ids: Collection[int]) -> Accepted:
    """Make attributes of proposed or rejected tags. An attribute that a product has is never written over."""
    done = Accepted([])
    with transaction.atomic():
        tags = list(Tag.objects.exclude(state=Tag.State.ACCEPTED).filter(pk__in=ids).order_by("product_id", "pk"))
        owners = Product.objects.filter(pk__in={tag.product_id for tag in tags}).order_by("pk")
        products = {product.pk: product for product in owners.select_for_update(no_key=True)}
        for tag in tags:
            product = products[tag.product_id]
            if tag.name in product.attributes:
                tag.delete()
                done.answered += 1
                continue
            attributes = {**product.attributes, tag.name: tag.value}
            try:
                validate_attributes(attributes)
            except ValidationError:
                done.refused += 1
                continue
            product.attributes, tag.state = attributes, Tag.State.ACCEPTED
            tag.save(update_fields=["state"])
            done.tags.append(tag)
        for pk in {tag.product_id for tag in done.tags}:
            products[pk].save(update_fields=["attributes", "updated_at"])  # Not in bulk: the signals tell of each.
    return done


def reject(ids: Collection[int]) -> int:
    """Propose these no more. Returns how many were proposed until now."""
    with transaction.atomic():
        tags = Tag.objects.filter(pk__in=ids, state=Tag.State.PROPOSED)
        # They are looked at again, since their plain captions have these values.
        Tagging.objects.filter(product__in=tags.values("product")).delete()
        return tags.update(state=Tag.State.REJECTED)
