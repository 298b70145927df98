"""The catalogue's tables. Import them from here; Django finds all of them by this package."""

from catalog.feeds.models import Feed, FeedProduct
from catalog.models.categories import Category, CategoryQuerySet
from catalog.models.imports import Import, ImportQuerySet, ImportRow, sent_path
from catalog.models.numbers import MAX_SAMPLES, AttributeType, NumberReading, ProductNumber
from catalog.models.photos import MAX_POSITION, Photo, PhotoAddress, PhotoAddressQuerySet, photo_path
from catalog.models.products import MAX_CAPTION, MAX_DESCRIPTION, Product, ProductQuerySet, has_words
from catalog.models.vocabulary import MAX_ATTRIBUTE_VALUE, MAX_WORD, AttributeValue, VocabularyWord

__all__ = [
    "MAX_ATTRIBUTE_VALUE",
    "MAX_CAPTION",
    "MAX_DESCRIPTION",
    "MAX_POSITION",
    "MAX_SAMPLES",
    "MAX_WORD",
    "AttributeType",
    "AttributeValue",
    "Category",
    "CategoryQuerySet",
    "Feed",
    "FeedProduct",
    "Import",
    "ImportQuerySet",
    "ImportRow",
    "NumberReading",
    "Photo",
    "PhotoAddress",
    "PhotoAddressQuerySet",
    "Product",
    "ProductNumber",
    "ProductQuerySet",
    "VocabularyWord",
    "has_words",
    "photo_path",
    "sent_path",
]
