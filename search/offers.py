"""Candidates become offers: what of them can be bought in a currency, and why the others cannot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from catalog import shown_fields
from catalog.models import Product
from search.baskets import Offer


class Reason(StrEnum):
    """Why a candidate cannot be bought; the first that holds."""

    UNKNOWN_SKU = "unknown_sku"
    OUT_OF_STOCK = "out_of_stock"
    NO_PRICE = "no_price"
    OTHER_CURRENCY = "other_currency"


@dataclass(frozen=True)
class Refused:
    """A candidate that cannot be bought."""

    thing: int
    sku: str
    reason: Reason


@dataclass(frozen=True)
class Offers:
    things: Mapping[int, Sequence[Offer]]
    """The offers for each thing, by its number; none where nothing can be bought."""
    refused: Sequence[Refused]
    products: Mapping[str, Product]
    """The products of all candidates that exist, by sku."""


def read(candidates: Mapping[int, Mapping[str, float]], currency: str) -> Offers:
    """Look up the candidates, a similarity by sku for each thing, in one query."""
    skus = {sku for thing in candidates.values() for sku in thing}
    found = Product.objects.filter(sku__in=skus).select_related("category").only(*shown_fields.FIELDS)
    products = {product.sku: product for product in found}
    things: dict[int, list[Offer]] = {thing: [] for thing in candidates}
    refused = []
    for thing, similarities in candidates.items():
        for sku, similarity in similarities.items():
            product = products.get(sku)
            if reason := _refusal(product, currency):
                refused.append(Refused(thing, sku, reason))
            elif product is not None and product.price is not None:
                things[thing].append(Offer(sku, product.price, similarity))
    return Offers(things, refused, products)


def _refusal(product: Product | None, currency: str) -> Reason | None:
    if product is None:
        return Reason.UNKNOWN_SKU
    if not product.in_stock:
        return Reason.OUT_OF_STOCK
    if product.price is None:
        return Reason.NO_PRICE
    return Reason.OTHER_CURRENCY if product.currency != currency else None
