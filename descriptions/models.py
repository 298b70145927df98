"""What photos say of products, beside what people wrote: tags, and what they are told by."""

from typing import ClassVar

from django.db import models

from catalog.validators import MAX_KEY_LENGTH, MAX_VALUE_LENGTH


class PhotoColours(models.Model):
    """The colours of the product in a photo. A photo never changes, so they are read once."""

    photo = models.OneToOneField("catalog.Photo", models.CASCADE, primary_key=True, related_name="colours")
    shares = models.BinaryField(help_text="float16 (ml.product_colours.colours).")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"colours of photo {self.photo_id}"


class Tagger(models.Model):
    """What was learned from the products that have an attribute, to tell it of those that lack it."""

    space = models.ForeignKey("search.Space", models.CASCADE, related_name="taggers")
    learned = models.JSONField(help_text="ml.value_choice.ValueModel by the attribute's name.")
    examples = models.JSONField(help_text="Ids of the products that it compares others with.")
    letters = models.PositiveBigIntegerField(help_text="Letters of all attributes when it learned.")
    fitted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"tagger of {self.space_id}, {self.fitted_at:%Y-%m-%d %H:%M}"

    @property
    def told(self) -> list[str]:
        """The attributes that it tells often enough rightly."""
        return [name for name, model in self.learned.items() if model["coverage"]]


class Tagging(models.Model):
    """That a tagger has looked at a product as it is: one whose words or photos changed is looked at again."""

    product = models.OneToOneField("catalog.Product", models.CASCADE, primary_key=True, related_name="tagging")
    tagger = models.ForeignKey(Tagger, models.CASCADE)
    digest = models.CharField(max_length=32, help_text="Product.text_digest then.")
    photos = models.PositiveIntegerField(help_text="Its photos then.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"product {self.product_id} by {self.tagger_id}"


class Tag(models.Model):
    """A value that a product seems to have of an attribute that nobody wrote. Staff accept or reject it."""

    class State(models.TextChoices):
        PROPOSED = "proposed"
        ACCEPTED = "accepted"
        REJECTED = "rejected"

    product = models.ForeignKey("catalog.Product", models.CASCADE, related_name="tags")
    name = models.CharField(max_length=MAX_KEY_LENGTH, help_text="The attribute's name.")
    value = models.CharField(max_length=MAX_VALUE_LENGTH)
    confidence = models.FloatField(help_text="0 to 1. How often such tags are right is measured, and stands beside it.")
    evidence = models.JSONField(help_text="What speaks for it: its words, the nearest products that have it, colours.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-confidence", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "name", "value"], name="one_tag_per_product_and_value")
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
