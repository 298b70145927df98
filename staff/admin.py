"""Imports the pages. Django's admin looks for this module only."""

from staff import (
    accounts,
    attribute_types,
    categories,
    feeds,
    imports,
    keys,
    photo_addresses,
    products,
    searches,
    spaces,
    synonyms,
    tags,
)

__all__ = [
    "accounts",
    "attribute_types",
    "categories",
    "feeds",
    "imports",
    "keys",
    "photo_addresses",
    "products",
    "searches",
    "spaces",
    "synonyms",
    "tags",
]
