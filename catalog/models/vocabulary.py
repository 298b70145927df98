"""The words of the catalogue, and the texts that attributes have."""

from django.db import models

from catalog.validators import MAX_KEY_LENGTH

MAX_WORD = 40
MAX_ATTRIBUTE_VALUE = 60


class VocabularyWord(models.Model):
    """A word of the catalogue as it is written, in small letters (catalog.vocabulary)."""

    word = models.CharField(primary_key=True, max_length=MAX_WORD)
    products = models.PositiveIntegerField(help_text="Products that have it.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.word


class AttributeValue(models.Model):
    """A text that products have as the value of an attribute (catalog.attribute_values)."""

    name = models.CharField(max_length=MAX_KEY_LENGTH)
    value = models.CharField(max_length=MAX_ATTRIBUTE_VALUE)
    products = models.PositiveIntegerField(help_text="Products that have it.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["name", "value"], name="attribute_value_once")]

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
