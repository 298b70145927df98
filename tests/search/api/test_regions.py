"""One photo of two products, searched by its parts, with the true network and its preprocessing."""

import csv

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from PIL import Image

from catalog.photos import add_photo
from ml.images import as_jpeg, open_photo
from search.indexing import index_batch
from search.spaces import ensure_live
from tests.ml.photos import LITE

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

DEMO = settings.BASE_DIR / "demo" / "catalog"
EVERY = 10  # Every tenth of 150 products: 15 of all categories, encoded in a second or two.
SCENE = (1200, 700)


@pytest.fixture
def pictures(product, media) -> dict[str, bytes]:
    """The first photo of each indexed product by its sku."""
    with (DEMO / "catalog.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::EVERY]
    pictures = {row["sku"]: (DEMO / row["image"].split("|")[0]).read_bytes() for row in rows}
    for row in rows:
        add_photo(product(row["category"], sku=row["sku"]), pictures[row["sku"]])
    assert index_batch(ensure_live(LITE)) == len(pictures)
    return pictures


def test_each_region_of_a_scene_finds_its_own_product_first(pictures, client):
    places = {"SOF": (30, 120, 560, 560), "LAM": (680, 60, 480, 480)}  # x, y, width, height in pixels
    wanted = {prefix: next(sku for sku in pictures if sku.startswith(prefix)) for prefix in places}
    scene = Image.new("RGB", SCENE, (214, 205, 190))
    for prefix, (x, y, width, height) in places.items():
        scene.paste(open_photo(pictures[wanted[prefix]]).resize((width, height)), (x, y))
    data = as_jpeg(scene)

    for prefix, (x, y, width, height) in places.items():
        region = (x / SCENE[0], y / SCENE[1], width / SCENE[0], height / SCENE[1])
        fields = {"image": SimpleUploadedFile("scene.jpg", data), "region": ",".join(map(str, region)), "limit": 3}
        answer = client.post(reverse("search"), fields)
        assert answer.status_code == 200
        first, second, _ = answer.json()["results"]
        assert first["product"]["sku"] == wanted[prefix]
        assert first["similarity"] > second["similarity"]
