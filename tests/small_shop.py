"""A small shop that is served over HTTP: a part of the sample catalogue, under an encoder that needs no model."""

import csv
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from rest_framework.authtoken.models import Token

from catalog import vocabulary
from catalog.models import Product, ProductNumber
from search import attribute_readings, head_training, indexing
from search.models import Space
from tests.grid_space import DIMENSIONS, RECIPE
from tests.text_index import index_texts

DEMO: Path = settings.BASE_DIR / "demo"
# Products of each category: the photos of three make a category head.
EACH = 3
# Products that the docs name.
NAMED = {"BED-017", "LAM-004", "SOF-001"}


def measure() -> None:
    """Give the products the numbers that the catalogue has in columns of their own."""
    columns = ("width_cm", "depth_cm", "height_cm")
    rows = [
        ProductNumber(product=product, name=name, value=float(product.attributes[name]))
        for product in Product.objects.all()
        for name in columns
        if name in product.attributes
    ]
    ProductNumber.objects.bulk_create(rows, ignore_conflicts=True)  # The import may have found them out.


def open_shop(folder: Path) -> str:
    """Import, index and train; the encoder must be the tests' own. Returns a token of staff."""
    with (DEMO / "catalog" / "catalog.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = [row for row in rows if row["sku"] in NAMED or int(row["sku"][-3:]) % 30 < EACH]
    part = folder / "catalog.csv"
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(chosen)
    call_command("import_catalog", part, photos=DEMO / "catalog", stdout=StringIO(), stderr=StringIO())
    measure()
    space = Space.objects.create(name="grid", recipe=RECIPE, dimensions=DIMENSIONS, state=Space.State.LIVE)
    while indexing.index_batch(space):
        pass
    head_training.train(space)
    index_texts()
    vocabulary.refresh()
    attribute_readings.shop_values.cache_clear()
    staff = get_user_model().objects.create_superuser("admin", password="unused")
    return Token.objects.create(user=staff).key
