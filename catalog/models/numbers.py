"""How attributes are read, and the numbers that come of it."""

from django.db import models

from catalog.models.products import Product
from catalog.validators import MAX_KEY_LENGTH

MAX_SAMPLES = 120


class AttributeType(models.Model):
    """How the values of an attribute are read."""

    class Kind(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"
        SIZES = "sizes", "several lengths, such as 46 x 55 x 86 cm"
        TRUTH = "truth", "yes or no"

    name = models.CharField(max_length=MAX_KEY_LENGTH, unique=True, help_text="The attribute's, as products have it.")
    kind = models.CharField(max_length=10, choices=Kind)
    number = models.SlugField(
        max_length=MAX_KEY_LENGTH,
        blank=True,
        help_text="The number that it becomes, such as width_cm: filters are called so.",
    )
    unit = models.CharField(max_length=3, blank=True, help_text="Of values that name none (catalog.units).")
    is_chosen = models.BooleanField(default=False, help_text="Chosen by staff; otherwise found out by its values.")
    products = models.PositiveIntegerField(default=0, help_text="Products that have it.")
    samples = models.CharField(max_length=MAX_SAMPLES, blank=True, default="", help_text="Its commonest values.")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}: {self.get_kind_display()}"


class ProductNumber(models.Model):
    """A number that a product has: what range filters compare. Read from its attributes and its description."""

    # The constraint's index serves it.
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="numbers", db_index=False)
    name = models.CharField(
        max_length=MAX_KEY_LENGTH,
        help_text="Ends with the unit that it is kept in (catalog.units.KEPT_IN), if any: width_cm, weight_kg, seats.",
    )
    value = models.FloatField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["product", "name"], name="number_once_per_product")]
        indexes = [models.Index(fields=["name", "value", "product"], name="product_number")]

    def __str__(self) -> str:
        return f"{self.name} {self.value:g}"


class NumberReading(models.Model):
    """How far all products have been read anew since a type of attribute changed (catalog.product_numbers). One row."""

    digest = models.CharField(max_length=32, blank=True, default="", help_text="Of the types that they are read with.")
    up_to = models.BigIntegerField(default=0, help_text="The id of the last product read.")
    is_done = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "done" if self.is_done else f"up to {self.up_to}"
