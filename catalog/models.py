"""What is sold: categories, products and their photos."""

from decimal import Decimal
from typing import Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector, SearchVectorField
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Upper

from catalog.validators import (
    SKU_LENGTH,
    currency_validator,
    reserved_slug_validator,
    sku_validator,
    validate_attributes,
)

# Stems English; words of other languages are found in the very form they were written in.
SEARCH_CONFIG = "english"
# PostgreSQL refuses a full-text vector above 1 MB: this stays far below it.
MAX_DESCRIPTION = 20_000
# Far above any number of photos and far below what the column holds.
MAX_POSITION = 10_000


class CategoryQuerySet(models.QuerySet["Category"]):
    def with_product_counts(self) -> Self:
        # Ordered here: Django drops Meta.ordering from queries that group.
        return self.annotate(product_count=models.Count("products")).order_by("name", "slug")


class Category(models.Model):
    slug = models.SlugField(max_length=64, unique=True, allow_unicode=True, validators=[reserved_slug_validator])
    name = models.CharField(max_length=100)
    product_count: int  # only from with_product_counts()

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def search(self, words: str) -> Self:
        """Products that match `words` (quotes, OR and - as in web search) or whose sku starts so; best first."""
        query = SearchQuery(words, config=SEARCH_CONFIG, search_type="websearch")
        return self.filter(
            models.Q(search_vector=query) | models.Q(sku__istartswith=words.strip()),
        ).order_by(SearchRank(models.F("search_vector"), query).desc(), "name", "sku")

    def with_photos(self) -> Self:
        """All that an answer of the API shows, in two queries whatever the number of products."""
        return self.select_related("category").prefetch_related("photos").defer("search_vector")


class Product(models.Model):
    sku = models.CharField(max_length=SKU_LENGTH, unique=True, validators=[sku_validator])
    name = models.CharField(max_length=200)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    description = models.TextField(blank=True, validators=[MaxLengthValidator(MAX_DESCRIPTION)])
    price = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    currency = models.CharField(max_length=3, default="EUR", validators=[currency_validator])
    in_stock = models.BooleanField(default=True)
    url = models.URLField(max_length=500, blank=True, help_text="The product's page in the shop.")
    attributes = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_attributes],
        help_text='A flat object, for example {"color": "Oak", "width": 80}.',
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search_vector = models.GeneratedField(
        expression=SearchVector("name", weight="A", config=SEARCH_CONFIG)
        + SearchVector("sku", weight="A", config=SEARCH_CONFIG)
        + SearchVector("description", weight="B", config=SEARCH_CONFIG),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["name", "sku"]
        indexes = [
            models.Index(fields=["name", "sku"], name="product_name"),
            GinIndex(fields=["search_vector"], name="product_search"),
            GinIndex(OpClass("attributes", name="jsonb_path_ops"), name="product_attributes"),
            # Serves istartswith; without it one OR in search() would scan the whole table.
            models.Index(OpClass(Upper("sku"), name="text_pattern_ops"), name="product_sku_prefix"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


def photo_path(photo: "Photo", _name: str) -> str:
    return f"photos/{photo.sha256[:2]}/{photo.sha256}.jpg"


class Photo(models.Model):
    """An immutable picture of a product, made by catalog.photos: another picture is another row."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="photos")
    file = models.FileField(upload_to=photo_path, help_text="The JPEG kept: upright, without metadata.")
    sha256 = models.CharField(max_length=64, editable=False, help_text="Of the bytes that were uploaded.")
    width = models.PositiveIntegerField(editable=False, help_text="Of the JPEG kept, in pixels.")
    height = models.PositiveIntegerField(editable=False, help_text="Of the JPEG kept, in pixels.")
    fingerprint = models.BinaryField(
        default=b"",
        db_default=b"",
        editable=False,
        help_text="Of the picture (ml.images.fingerprint); empty until it is taken.",
    )
    position = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(MAX_POSITION)], help_text="Lower comes first."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["product", "sha256"], name="photo_once_per_product")]

    def __str__(self) -> str:
        return f"photo {self.position + 1} of {self.product}"
