"""What is sold."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Self

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchRank, SearchVectorField
from django.core.validators import MaxLengthValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.functions import MD5, Cast, Concat, JSONObject, Upper

from catalog import words as full_text
from catalog.models.categories import Category
from catalog.models.photos import Photo, PhotoAddress
from catalog.synonyms import synonyms_within
from catalog.validators import SKU_LENGTH, currency_validator, sku_validator, validate_attributes

# PostgreSQL refuses a full-text vector above 1 MB: this stays far below it.
MAX_DESCRIPTION = 20_000
# Five sentences or more. What a model writes beyond them says nothing new.
MAX_CAPTION = 1_000


class ProductQuerySet(models.QuerySet["Product"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            lock_to_delete(list(self.values_list("pk", flat=True)))
            return super().delete()

    # As Django has it: templates do not call it, and managers have none.
    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def search(self, words: str) -> Self:
        """Products that match `words` (catalog.words.query) or whose sku starts with them. Sets `rank`; best first."""
        return self.filter(has_words(words)).ranked(words)

    def ranked(self, words: str) -> Self:
        """The products by how well they match, best first. Sets `rank`."""
        rank = SearchRank(models.F("search_vector"), full_text.query(words, synonyms_within(words)))
        return self.annotate(rank=rank).order_by("-rank", "name", "sku")

    def with_headlines(self, words: str) -> Self:
        """Marks where the words are found in name and description (catalog.words.segments reads the marks)."""
        query = full_text.query(words, synonyms_within(words))
        return self.annotate(
            name_headline=full_text.headline("name", query, highlight_all=True),
            description_headline=full_text.headline("description", query, max_fragments=1),
        )

    def with_first_photo(self) -> Self:
        """Sets `first_photo`, the id and the file of the product's first photo; None if it has none."""
        photos = Photo.objects.filter(product_id=models.OuterRef("pk")).order_by("position", "pk")
        return self.annotate(first_photo=models.Subquery(photos.values(first=JSONObject(id="pk", file="file"))[:1]))

    def with_photos(self) -> Self:
        """Loads all that an answer of the API shows, in two queries for any number of products."""
        return self.select_related("category").prefetch_related("photos").defer("search_vector")


def has_words(words: str) -> models.Q:
    """Whether a product has the words, or its sku starts with them."""
    query = full_text.query(words, synonyms_within(words))
    return models.Q(search_vector=query) | models.Q(sku__istartswith=words.strip())


def lock_to_delete(ids: Collection[int]) -> None:
    """Lock products and then their photos' addresses, as workers do, before Django looks what goes with the products.

    A photo that a worker adds meanwhile would stand in the way of the deletion; and Django begins with the addresses,
    which deadlocks with whoever holds the product.
    """
    list(Product.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))
    list(PhotoAddress.objects.filter(product__in=ids).locked().values_list("pk"))


class Product(models.Model):
    EDITABLE = ("sku", "name", "category", "description", "price", "currency", "in_stock", "url", "attributes")

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
    # Neither is the shop's own: whoever makes captions writes both, by a query, and leaves updated_at alone.
    caption = models.TextField(
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What the first photo shows, in words that a machine wrote. Searches by words read it.",
    )
    caption_source = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What wrote the caption: a model's name, or plain where none did; empty: there is none.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search_vector = models.GeneratedField(
        expression=full_text.vector(), output_field=SearchVectorField(), db_persist=True
    )
    text_digest = models.GeneratedField(
        expression=MD5(
            Concat(
                "name",
                models.Value("\n"),
                "description",
                Cast("attributes", models.TextField()),
                "caption",
                output_field=models.TextField(),
            )
        ),
        output_field=models.CharField(max_length=32),
        db_persist=True,
    )
    rank: float  # only from search()
    found_by: str  # only from a search by words: "words" or "meaning"
    first_photo: dict[str, Any] | None  # only from with_first_photo()
    name_headline: str  # only from with_headlines(), as the next
    description_headline: str

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["name", "sku"]
        indexes = [
            models.Index(fields=["name", "sku"], name="product_name"),
            GinIndex(fields=["search_vector"], name="product_search"),
            GinIndex(OpClass("attributes", name="jsonb_path_ops"), name="product_attributes"),
            # Serves istartswith. Without it the OR in search() would scan the whole table.
            models.Index(OpClass(Upper("sku"), name="text_pattern_ops"), name="product_sku_prefix"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            lock_to_delete([self.pk])
            return super().delete(*args, **kwargs)
