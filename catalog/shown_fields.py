"""What an answer shows of a found product. The scan reads these fields, the serializer describes them."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any
from urllib.parse import urljoin

from catalog.models import Photo, Product

PHOTOS = Photo._meta.get_field("file").storage

# They stand in the order of the model, which the scan needs.
FIELDS = ("sku", "name", "category", "price", "currency", "in_stock", "url", "attributes")
# How to write a value that JSON has no form for.
WRITERS: dict[str, Callable[[Any], Any]] = {"category": attrgetter("slug"), "price": str}


def photo_url(file: str, origin: str) -> str:
    """The address of a stored photo. It begins with `origin`, such as https://shop.example/, unless the storage has its
    own.
    """
    return urljoin(origin, PHOTOS.url(file))


def as_json(product: Product) -> dict[str, Any]:
    shown = {name: getattr(product, name) for name in FIELDS}
    for name, write in WRITERS.items():
        if shown[name] is not None:
            shown[name] = write(shown[name])
    return shown
