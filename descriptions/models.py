"""How far the texts are that photos give to products. The texts themselves lie on the products."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

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
    """What became of asking a vision-language model for a product's caption."""

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
