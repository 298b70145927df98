"""What photos say of products, beside what people wrote: captions and tags, and what they are told by."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from catalog.validators import MAX_KEY_LENGTH, MAX_VALUE_LENGTH

# The source of a caption that no model wrote (Product.caption_source).
PLAIN = "plain"
# Answers without a caption after which a photo is given up.
MOST_ATTEMPTS = 5


class CaptionQuerySet(models.QuerySet["Caption"]):
    def made(self) -> "CaptionQuerySet":
        return self.filter(made_at__isnull=False)

    def given_up(self) -> "CaptionQuerySet":
        return self.filter(made_at=None, attempts__gte=MOST_ATTEMPTS)

    def settled(self) -> "CaptionQuerySet":
        """Those that nobody is to be asked for now: made, given up, being made or waiting."""
        waiting = Q(retry_at__gt=Now())
        return self.filter(Q(made_at__isnull=False) | Q(attempts__gte=MOST_ATTEMPTS) | waiting)

    def ask_again(self) -> int:
        """Have these made (again), from the start. What they took so far stays counted."""
        return self.update(maker="", made_at=None, reason="", attempts=0, waits=0, retry_at=None)


class Caption(models.Model):
    """What became of asking a vision-language model for a product's caption. The text itself lies on the product."""

    product = models.OneToOneField("catalog.Product", models.CASCADE, primary_key=True, related_name="+")
    # No constraint: a photo is compared with the product's first one, and may be gone.
    photo = models.ForeignKey(
        "catalog.Photo",
        models.DO_NOTHING,
        null=True,
        db_index=False,
        db_constraint=False,
        related_name="+",
        help_text="The photo that was asked about last.",
    )
    maker = models.CharField(
        max_length=16, blank=True, help_text="Model and prompt asked last (VisionModel.fingerprint)."
    )
    asked_at = models.DateTimeField(null=True, help_text="When the last answer came, or failed to come.")
    made_at = models.DateTimeField(null=True, help_text="When the caption was made; empty: it is not.")
    reason = models.TextField(blank=True, help_text="Why there is none yet.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Failures that are the photo's own, in a row.")
    waits = models.PositiveSmallIntegerField(default=0, help_text="Failures that may pass, in a row.")
    retry_at = models.DateTimeField(null=True, help_text="Nobody else is to ask before.")
    # Over all requests that were made for the product.
    requests = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)

    objects = CaptionQuerySet.as_manager()

    class Meta:
        default_permissions: ClassVar = ()

    def __str__(self) -> str:
        return f"caption of product {self.product_id}"


class PhotoColours(models.Model):
    """The colours of the product in a photo. A photo never changes, so they are read once."""

    photo = models.OneToOneField("catalog.Photo", models.CASCADE, primary_key=True, related_name="colours")
    shares = models.BinaryField(help_text="float16 (ml.product_colours.colours); empty: the file cannot be read.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"colours of photo {self.photo_id}"


class Tagger(models.Model):
    """What was learned from the products that have an attribute, to tell it of those that lack it."""

    space = models.ForeignKey("search.Space", models.CASCADE, related_name="taggers")
    learned = models.JSONField(help_text="ml.value_choice.ValueModel by the attribute's name.")
    examples = models.JSONField(help_text="Ids of the products that it compares others with.")
    usual_terms = models.JSONField(help_text="The mean share of each colour term (ml.colour_names.TERMS).")
    products = models.PositiveIntegerField(help_text="Products in the shop when it learned.")
    fitted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"tagger of {self.space_id}, {self.fitted_at:%Y-%m-%d %H:%M}"

    @property
    def told(self) -> list[str]:
        """The attributes that it tells often enough rightly."""
        return sorted(name for name, model in self.learned.items() if model["coverage"])


class Tagging(models.Model):
    """That a tagger has looked at a product as it is. One that changed since is looked at again."""

    product = models.OneToOneField("catalog.Product", models.CASCADE, primary_key=True, related_name="tagging")
    tagger = models.ForeignKey(Tagger, models.CASCADE)
    state = models.CharField(
        max_length=32, help_text="Digest of its texts, category and photos (descriptions.tagging)."
    )

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
    confidence = models.FloatField(help_text="0 to 1.")
    evidence = models.JSONField(help_text="What speaks for it: its words, the nearest products that have it, colours.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-confidence", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "name", "value"], name="one_tag_per_product_and_value")
        ]
        indexes: ClassVar = [models.Index("state", models.F("confidence").desc(), "id", name="tag_state_confidence")]

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"
