"""VGG16's fc1 in both metrics: what the database ranks, faiss ranks alike."""

import faiss
import numpy as np
import pytest

from catalog.models import Category, Photo, Product
from demo.__main__ import DEMO
from ml.encoder import Encoder
from ml.images import open_photo
from ml.recipes import make_recipe
from search import lookup, spaces
from search.models import Embedding, Space

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
PHOTOS, QUERIES = 40, 8


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """fc1 of sample photos, as half-precision floats hold it: (PHOTOS + QUERIES, 4096)."""
    files = sorted((DEMO / "catalog" / "photos").glob("*.webp"))[:: 300 // (PHOTOS + QUERIES)][: PHOTOS + QUERIES]
    encoder = Encoder(make_recipe("random", "vgg16", normalize=False))
    raw = encoder.encode([open_photo(file.read_bytes()) for file in files])
    return raw.astype(np.float16).astype(np.float32)


def stored(space: Space, vectors: np.ndarray) -> list[int]:
    """A product with one photo for each vector; the ids of the photos, in order."""
    lamp = Category.objects.create(slug="lamp", name="Lamp")
    products = Product.objects.bulk_create(Product(sku=f"L-{n}", name="x", category=lamp) for n in range(len(vectors)))
    photos = Photo.objects.bulk_create(
        Photo(product=product, file="none.jpg", sha256=f"{n:064x}", width=1, height=1)
        for n, product in enumerate(products)
    )
    spaces.ensure_partitions()
    Embedding.objects.bulk_create(
        Embedding(space=space, category=lamp, photo=photo, vector=vector)
        for photo, vector in zip(photos, vectors, strict=True)
    )
    return [photo.pk for photo in photos]


def ranked(space: Space, query: np.ndarray) -> list[int]:
    categories = set(Category.objects.values_list("pk", flat=True))
    return [hit.photo.pk for hit in lookup.nearest(space, query, categories, PHOTOS, min_similarity=0.0).hits]


def test_l2_ranks_fc1_as_faiss_does(vectors):
    space = spaces.create("vgg16-l2", make_recipe("random", "vgg16"), Space.Metric.L2)
    ids = stored(space, vectors[:PHOTOS])
    index = faiss.IndexFlatL2(4096)
    index.add(vectors[:PHOTOS])
    _, expected = index.search(vectors[PHOTOS:], PHOTOS)
    for query, places in zip(vectors[PHOTOS:], expected, strict=True):
        assert ranked(space, query) == [ids[place] for place in places]


def test_cosine_ranks_fc1_as_faiss_does(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = unit.astype(np.float16).astype(np.float32)
    space = spaces.create("vgg16-cosine", make_recipe("random", "vgg16"))
    ids = stored(space, unit[:PHOTOS])
    faiss.normalize_L2(unit)  # pgvector divides by the lengths, which rounding has moved from 1
    index = faiss.IndexFlatIP(4096)
    index.add(unit[:PHOTOS])
    _, expected = index.search(unit[PHOTOS:], PHOTOS)
    for query, places in zip(unit[PHOTOS:], expected, strict=True):
        assert ranked(space, query) == [ids[place] for place in places]
