"""Why a product matches a customer's photo: where they are alike, how much so, and what is the same about them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from catalog.models import Photo, Product
from catalog.photos import open_stored
from ml.arrays import Floats
from ml.encoder import Encoder
from ml.explanation import HeatMap, Seen, heat_map
from ml.feature_scaling import unit
from ml.kinship import Kinship, Likelihood, standing
from ml.preprocessing import preprocess
from ml.recipes import Recipe
from search import encoders, lookup
from search.models import Space

# Products that a match is measured against. What the photo shows is guessed from them as well.
NEAREST = 10
CURE = (
    "Leave `explain` out, or use a space whose metric is cosine and whose recipe averages a map (pooling avg), such as "
    "layer4 of resnet50 or act_head of efficientnet_lite2."
)


class NotExplainable(Exception):  # noqa: N818  it names the state of the space
    """The space's similarity is no sum over places; the message says why in a sentence, and what can be done."""


@dataclass(frozen=True)
class Trait:
    """An attribute of the product, and what the photo seems to show."""

    name: str
    value: Any
    """The product's."""
    expected: Any
    """That of most products that the photo is likely to show."""
    share: float
    """How much of their likelihood has it, above 0.5 and at most 1."""

    @property
    def agrees(self) -> bool:
        return bool(self.value == self.expected)


@dataclass(frozen=True, eq=False)
class Explanation:
    similarity: float
    """The cosine of the two photos, -1 to 1: what the shares of either map add up to."""
    query: HeatMap
    photo: HeatMap
    likelihood: Likelihood | None
    """None: the head has no words for a match, or has not learned the product's category."""
    traits: Sequence[Trait]


def require_explainable(space: Space) -> None:
    """Raises NotExplainable."""
    recipe = Recipe.from_dict(space.recipe)
    if space.metric != Space.Metric.COSINE:
        raise NotExplainable(f"Photos are compared by L2 distance, which is no sum over their places. {CURE}")
    if not recipe.has_map:
        how = f"{recipe.layer} of {recipe.backbone}, pooling {recipe.pooling}"
        raise NotExplainable(f"The vectors ({how}) are no mean over the places of a photo. {CURE}")


def look(encoder: Encoder, image: Image.Image) -> Seen:
    """The image as the encoder's network sees it, place by place. Its vector is the one that `encode` gives."""
    places = encoder.places(preprocess(image, encoder.recipe))
    (vector,) = encoder.finish(places.mean(axis=(0, 1))[np.newaxis])
    return Seen(places, *image.size, vector)


def explain(
    space: Space,
    encoder: Encoder,
    query: Seen,
    photo: Photo,
    searched: Collection[int],
    probabilities: Mapping[int, float],
) -> Explanation:
    """Why the product's photo matches the query.

    Args:
        space: one that is explainable (`require_explainable`).
        searched: ids of the categories that the query is searched in.
        probabilities: those that the head gives the query, by category id.

    Raises catalog.storage.StoredPhotoError, and WeightsError as the encoder does.
    """
    shown = look(encoder, open_stored(photo, encoder.open))
    own, other = unit(np.stack([query.vector, shown.vector]).astype(np.float64))
    similarity, product = float(own @ other), photo.product
    head = encoders.head(space)
    kinship = head.metrics.kinship if head else None
    usual = np.zeros(space.dimensions, np.float32)
    if head and head.novelty:
        usual = head.novelty.usual
    found = lookup.nearest(space, query.vector, searched, NEAREST, min_similarity=0, exclude=product)
    nearest = sorted((one for hit in found.hits for one in (hit, *hit.duplicates)), key=lambda hit: hit.distance)
    others = np.array([1 - hit.distance for hit in nearest[:NEAREST]])
    products = [product, *(hit.product for hit in nearest[:NEAREST])]
    likelihood = None
    if kinship and len(others) and product.category_id in probabilities:
        likelihood = kinship.likelihood(similarity, others, probabilities[product.category_id])
    weights = _weights(kinship, np.append(similarity, others), products, probabilities)
    return Explanation(
        similarity=similarity,
        query=heat_map(query, shown.vector, usual, encoder.recipe, encoder.projection),
        photo=heat_map(shown, query.vector, usual, encoder.recipe, encoder.projection),
        likelihood=likelihood,
        traits=_traits(products, weights),
    )


def _weights(
    kinship: Kinship | None, similarities: Floats, products: Sequence[Product], probabilities: Mapping[int, float]
) -> Floats:
    """How likely the photo shows each product, (n,), as shares of 1; equal ones where nobody can tell."""
    even = np.full(len(products), 1 / len(products))
    if kinship is None or len(products) == 1:
        return even
    others = np.stack([-np.sort(-np.delete(similarities, place)) for place in range(len(products))])
    known = np.array([probabilities.get(product.category_id, 0.0) for product in products])
    pieces, _, _ = kinship.likelihoods(standing(similarities, others, known))
    weights: Floats = pieces / pieces.sum() if pieces.sum() > 0 else even
    return weights


def _traits(products: Sequence[Product], weights: Floats) -> list[Trait]:
    """Those attributes of the first product of which one value has more than half of the weight.

    There are none without other products, which alone could contradict it.
    """
    traits: list[Trait] = []
    if len(products) == 1:
        return traits
    for name, value in products[0].attributes.items():
        shares: dict[Any, float] = {}
        for product, weight in zip(products, weights.tolist(), strict=True):
            if name in product.attributes:
                shares[product.attributes[name]] = shares.get(product.attributes[name], 0.0) + weight
        expected = max(shares, key=shares.__getitem__)
        if shares[expected] > 0.5:
            traits.append(Trait(name, value, expected, shares[expected]))
    return traits
