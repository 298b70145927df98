"""Products as their attributes are told by: words, vectors of their photos, colours and labels."""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from catalog.models import Photo, Product
from descriptions import photo_colours
from descriptions.evidence import Described
from descriptions.models import PLAIN
from descriptions.wordings import tokens
from ml.feature_scaling import unit
from ml.imagenet_labels import Labels, labels_of
from ml.product_colours import SHARES
from ml.recipes import Recipe, WeightsError
from search.models import Space
from search.store import vectors

logger = logging.getLogger(__name__)


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
    colours = np.mean(seen, axis=0) if seen else np.zeros(SHARES, np.float32)
    shown = labels.likeliest(np.stack(own)) if labels else {}
    return Described(
        product.pk, product.category_id, product.attributes, tokens(text_of(product)), np.stack(own), colours, shown
    )


def text_of(product: Product) -> str:
    """What was written of it, by people or by a model that saw it."""
    caption = product.caption if product.caption_source != PLAIN else ""
    return ". ".join(filter(None, [product.name, product.description, caption]))


def _labels(space: Space) -> Labels | None:
    """ImageNet's labels, where the space's vectors tell them."""
    return _labels_of(Recipe.from_dict(space.recipe))


@lru_cache(maxsize=2)
def _labels_of(recipe: Recipe) -> Labels | None:
    try:
        return labels_of(recipe)
    except WeightsError as error:  # Those of a space that was made elsewhere may not lie here. It is logged once.
        logger.warning("ImageNet's labels cannot be told: %s", error)
        return None
