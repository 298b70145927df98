"""Families of products, as vectors and as a shop: members of a family are alike in half of the dimensions alone."""

import numpy as np
import pytest

from catalog.models import Photo
from ml.feature_scaling import unit
from ml.learned_projection import Families
from ml.retrieval import Gallery
from search.models import Embedding, Space
from search.spaces import ensure_partitions
from search.store import vectors
from tests.grid_space import DIMENSIONS

COUNT, MEMBERS = 24, 3


def made_up_families(count: int = 40, members: int = 3, photos: int = 1, dimensions: int = 24) -> Families:
    """Families in two categories, 0 and 1, in turn. They differ less than their members do, but elsewhere."""
    random = np.random.default_rng(0)
    of_family = np.arange(dimensions) < dimensions // 2
    centres = random.normal(size=(count, dimensions)) * of_family
    numbers = np.repeat(np.arange(count), members)
    products = np.repeat(np.arange(count * members), photos)
    made = centres[numbers[products]] + 1.5 * random.normal(size=(len(products), dimensions)) * ~of_family
    gallery = Gallery(unit(made + 5).astype(np.float32), np.arange(len(products)), products, numbers[products] % 2)
    return Families(gallery, numbers, np.empty((0, dimensions), np.float32), np.empty(0, np.int64))


@pytest.fixture
def family_shop(space, product) -> Space:
    """The live space: COUNT families of MEMBERS products with one photo each, true by `line`, random by `luck`."""
    made = made_up_families(COUNT, MEMBERS, dimensions=DIMENSIONS)
    luck = made.shuffled(0).numbers
    rows = []
    for place, number in enumerate(made.numbers.tolist()):
        attributes = {"line": f"line {number}", "luck": f"draw {luck[place]}"}
        one = product(("lamp", "bed")[number % 2], sku=f"P-{place}", attributes=attributes)
        rows.append((Photo.objects.create(product=one, file="none.jpg", width=1, height=1).pk, one.category_id))
    ensure_partitions()
    vectors.write(space, rows, made.gallery.vectors)
    return space


def flat(space: Space) -> None:
    """The photos of each family get one vector."""
    for number in range(COUNT):
        family = Embedding.objects.filter(space=space, photo__product__attributes__line=f"line {number}")
        family.update(vector=family.values_list("vector", flat=True)[0])
