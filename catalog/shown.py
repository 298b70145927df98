"""What an answer shows of a product that it found: read by the scan, described by the serializer, written as JSON."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from catalog.models import Product

# In the order of the model, which the scan needs.
FIELDS = ("sku", "name", "category", "price", "currency", "in_stock", "url", "attributes")
# How a value is written that JSON has no form for.
WRITERS: dict[str, Callable[[Any], Any]] = {"category": attrgetter("slug"), "price": str}


def as_json(product: Product) -> dict[str, Any]:
    shown = {name: getattr(product, name) for name in FIELDS}
    for name, write in WRITERS.items():
        if shown[name] is not None:
            shown[name] = write(shown[name])
    return shown
