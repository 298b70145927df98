"""What indexing leaves behind: spaces, embeddings, rejections and category heads."""

from pathlib import PurePath
from typing import ClassVar

import numpy as np
from django.db import models
from django.db.models.functions import Now
from pgvector.django import HalfVectorField

from catalog.models import Product


class SpaceQuerySet(models.QuerySet["Space"]):
    def live(self) -> "Space | None":
        return self.filter(state=Space.State.LIVE).first()

    def indexed_into(self) -> "SpaceQuerySet":
        """The spaces that new photos go into: the live one, and those being built beside it."""
        return self.filter(state__in=[Space.State.LIVE, Space.State.BUILDING]).order_by("-state")


class Space(models.Model):
    """One way of turning photos into vectors. Exactly one space is live; others are built beside it."""

    class State(models.TextChoices):
        BUILDING = "building"
        LIVE = "live"
        RETIRED = "retired"

    class Metric(models.TextChoices):
        COSINE = "cosine"

    name = models.SlugField(max_length=100, unique=True)
    recipe = models.JSONField(help_text="Backbone, weights, layer, pooling, input size and fit (ml.recipes).")
    dimensions = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=10, choices=Metric.choices, default=Metric.COSINE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILDING)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = SpaceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="live"), name="one_live_space")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def weights(self) -> str:
        """What the vectors were made with, as every answer shows it: imagenet, random or path:NAME.

        The name alone: where the file lies is no business of strangers.
        """
        weights: str = self.recipe["weights"]
        return weights if weights in ("imagenet", "random") else f"path:{PurePath(weights).name}"


class EmbeddingQuerySet(models.QuerySet["Embedding"]):
    def of_product(self, space: Space, product: Product) -> np.ndarray | None:
        """The vector of the product's first indexed photo, shape (dimensions,), or None."""
        own = self.filter(space_id=space.pk, category_id=product.category_id, photo__product_id=product.pk)
        vector = own.order_by("photo__position", "photo_id").values_list("vector", flat=True).first()
        return None if vector is None else np.asarray(vector, dtype=np.float32)


class Embedding(models.Model):
    """A photo's vector in one space, filed under its product's category.

    The table is LIST-partitioned by space, then by category (search/partitions.py), and deleted with its photo by
    the database itself.
    """

    pk = models.CompositePrimaryKey("photo_id", "category_id", "space_id")
    space = models.ForeignKey(Space, models.DO_NOTHING, related_name="embeddings", db_index=False)
    category = models.ForeignKey("catalog.Category", models.DO_NOTHING, related_name="+", db_index=False)
    photo = models.ForeignKey("catalog.Photo", models.DO_NOTHING, related_name="embeddings", db_index=False)
    vector = HalfVectorField(help_text="A unit vector of the space's dimensions.")

    objects = EmbeddingQuerySet.as_manager()

    def __str__(self) -> str:
        return f"photo {self.photo_id} in space {self.space_id}"


class RejectionQuerySet(models.QuerySet["Rejection"]):
    def in_force(self) -> "RejectionQuerySet":
        """Those that keep their photo from being tried now."""
        return self.filter(models.Q(retry_at=None) | models.Q(retry_at__gt=Now()))


class Rejection(models.Model):
    """A photo that cannot be indexed in a space, and why. Deleting the row tries the photo again."""

    space = models.ForeignKey(Space, models.CASCADE, related_name="rejections")
    photo = models.ForeignKey("catalog.Photo", models.CASCADE, related_name="rejections")
    reason = models.TextField()
    retry_at = models.DateTimeField(null=True, blank=True, help_text="When it is tried again by itself; empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RejectionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["space", "photo"], name="one_rejection_per_space_and_photo")
        ]

    def __str__(self) -> str:
        return f"photo {self.photo_id}: {self.reason}"


class Head(models.Model):
    """The category classifier trained on a space's own vectors; the newest row of a space is in use."""

    space = models.ForeignKey(Space, models.CASCADE, related_name="heads")
    categories = models.JSONField(help_text="Ids of the categories that it tells apart, in the order of its rows.")
    weights = models.BinaryField(help_text="safetensors (ml.classifier).")
    photos = models.JSONField(help_text="Photos per category id at training.")
    metrics = models.JSONField(help_text="Held-out accuracy, calibration error and what they were measured on.")
    trained_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"head of {self.space_id}, {self.trained_at:%Y-%m-%d %H:%M}"
