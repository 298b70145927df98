"""What indexing leaves behind (spaces, embeddings, rejections, category heads) and what searching does: the log."""

from datetime import timedelta
from pathlib import PurePath
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from pgvector.django import HalfVectorField

from catalog.validators import SKU_LENGTH

# Dimensions of the vectors that name candidates in a large leaf. Among 20,000 photos, 100 candidates hold 0.999 of a
# photo's 20 nearest and 0.995 of a mixture's. With 64 it is 0.993, with 256 no more (benchmarks.speed search).
COARSE_DIMENSIONS = 128
# Spaces of at least so many dimensions have coarse vectors. An index over shorter vectors is small as it is.
COARSE_FROM = 4 * COARSE_DIMENSIONS


class SpaceQuerySet(models.QuerySet["Space"]):
    def live(self) -> "Space | None":
        return self.filter(state=Space.State.LIVE).first()

    def indexed_into(self) -> "SpaceQuerySet":
        """The spaces that new photos go into: the live one first, then those being built beside it.

        Derived ones come first among the latter: stored vectors make them in seconds.
        """
        building = self.filter(state__in=[Space.State.LIVE, Space.State.BUILDING])
        return building.order_by("-state", models.F("source_id").asc(nulls_last=True), "pk")


class Space(models.Model):
    """One way of turning photos into vectors. Exactly one space is live; others are built beside it."""

    class State(models.TextChoices):
        BUILDING = "building"
        LIVE = "live"
        RETIRED = "retired"

    class Metric(models.TextChoices):
        COSINE = "cosine"
        L2 = "l2", "L2"

    name = models.SlugField(max_length=100, unique=True)
    recipe = models.JSONField(help_text="Backbone, weights, layer, pooling, input size and fit (ml.recipes).")
    dimensions = models.PositiveSmallIntegerField()
    metric = models.CharField(max_length=10, choices=Metric.choices, default=Metric.COSINE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILDING)
    source = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="derived",
        help_text="The space whose stored vectors this one's are projected from, as long as it exists.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True, help_text="When it went live last.")

    objects = SpaceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="live"), name="one_live_space")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def weights(self) -> str:
        """What the vectors were made with, as every answer shows it: imagenet, random or path:NAME.

        Only the file's name is shown: where it lies is no business of strangers.
        """
        weights: str = self.recipe["weights"]
        return weights if weights in ("imagenet", "random") else f"path:{PurePath(weights).name}"

    @property
    def summary(self) -> str:
        """The recipe in a line, for people."""
        recipe = self.recipe
        pca = f", PCA {recipe['pca']}{' whitened' if recipe['whiten'] else ''}" if recipe.get("pca") else ""
        if recipe.get("learn"):
            pca = f", tuned by {recipe['learn']} {recipe['pca']}"
        network = f"{recipe['backbone']} {recipe['layer']} {recipe['pooling']}"
        # Two files may have one name.
        fingerprint = f" ({recipe['weights_sha256'][:8]})" if recipe.get("weights_sha256") else ""
        return f"{network}, {recipe['input_size']} px {recipe['fit']}, weights {self.weights}{fingerprint}{pca}"


class Projection(models.Model):
    """The projection of a space's recipe. It takes megabytes: it lies apart from the space, which every query reads."""

    space = models.OneToOneField(Space, models.CASCADE, primary_key=True)
    data = models.BinaryField(help_text="safetensors (ml.projection).")
    evidence = models.JSONField(
        null=True, help_text="How it ranks families that it did not see (ml.learned_projection); empty for PCA."
    )

    def __str__(self) -> str:
        return f"projection of {self.space_id}"


class CoarseProjection(models.Model):
    """What makes coarse vectors of a space's full ones. It is made once, before the space's first HNSW index."""

    space = models.OneToOneField(Space, models.CASCADE, primary_key=True)
    data = models.BinaryField(help_text="safetensors (ml.projection).")

    def __str__(self) -> str:
        return f"coarse projection of {self.space_id}"


class LeafIndex(models.Model):
    """A category's HNSW index in a space. Searches use it once it was compared with exact scans and stored here."""

    space = models.ForeignKey(Space, models.CASCADE, related_name="indexes")
    category = models.ForeignKey("catalog.Category", models.CASCADE, related_name="+")
    ef_search = models.PositiveSmallIntegerField(help_text="The least hnsw.ef_search at which its recall suffices.")
    recall = models.FloatField(help_text="recall@20 against exact scans, of the worse kind of query.")
    photos = models.PositiveIntegerField(help_text="Photos in the leaf when it was checked.")
    checked_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["space", "category"], name="one_index_per_space_and_category")
        ]

    def __str__(self) -> str:
        return f"index of category {self.category_id} in {self.space}"


class Embedding(models.Model):
    """A photo's vector in one space, filed under its product's category.

    The table is LIST-partitioned by space, then by category (search/store/partitions.py). The database itself deletes a
    photo's rows with the photo.
    """

    pk = models.CompositePrimaryKey("photo_id", "category_id", "space_id")
    space = models.ForeignKey(Space, models.DO_NOTHING, related_name="embeddings", db_index=False)
    category = models.ForeignKey("catalog.Category", models.DO_NOTHING, related_name="+", db_index=False)
    photo = models.ForeignKey("catalog.Photo", models.DO_NOTHING, related_name="embeddings", db_index=False)
    vector = HalfVectorField(help_text="Has the space's dimensions, and length 1 unless the metric is L2.")
    coarse = HalfVectorField(null=True, help_text="Has 128 dimensions; empty unless the space projects to them.")

    def __str__(self) -> str:
        return f"photo {self.photo_id} in space {self.space_id}"


class TextEmbedding(models.Model):
    """The vector of what a product's texts say, made by one text encoder."""

    pk = models.CompositePrimaryKey("product_id", "encoder")
    product = models.ForeignKey("catalog.Product", models.CASCADE, related_name="text_embeddings", db_index=False)
    encoder = models.CharField(
        max_length=64, help_text="Which encoder made it (ml.text_encoder.TextModel.fingerprint)."
    )
    digest = models.CharField(max_length=40, help_text="Digest of the texts that it was made of.")
    vector = HalfVectorField(help_text="Has the encoder's dimensions, and length 1.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"texts of product {self.product_id}"


# How long a photo whose storage does not answer is not tried again.
RETRY_AFTER = timedelta(minutes=10)


class RejectionQuerySet(models.QuerySet["Rejection"]):
    def in_force(self) -> "RejectionQuerySet":
        """The rejections that keep their photo from being tried now.

        One that lasts twice as long as any is of a time before the database's clock was set back.
        """
        waiting = models.Q(retry_at__gt=Now(), retry_at__lte=Now() + 2 * RETRY_AFTER)
        return self.filter(models.Q(retry_at=None) | waiting)


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


class Threshold(models.Model):
    """The least similarity of a category's matches, unless the caller names one. It is 0 where no row is stored."""

    space = models.ForeignKey(Space, models.CASCADE, related_name="thresholds")
    category = models.ForeignKey("catalog.Category", models.CASCADE, related_name="+")
    min_similarity = models.FloatField(validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["space", "category"], name="one_threshold_per_space_and_category")
        ]

    def __str__(self) -> str:
        return f"{self.category}: {self.min_similarity:.3f}"


class HeadQuerySet(models.QuerySet["Head"]):
    def newest(self) -> "Head | None":
        """The head trained last; among a space's own, the one in use."""
        return self.order_by("-pk").first()


class Head(models.Model):
    """The category classifier trained on a space's own vectors; the newest row of a space is in use."""

    space = models.ForeignKey(Space, models.CASCADE, related_name="heads")
    categories = models.JSONField(help_text="Ids of the categories that it tells apart, in the order of its rows.")
    weights = models.BinaryField(help_text="safetensors (ml.classifier).")
    photos = models.JSONField(help_text="Photos per category id at training.")
    metrics = models.JSONField(help_text="Held-out accuracy, calibration error and what they were measured on.")
    trained_at = models.DateTimeField(auto_now_add=True)

    objects = HeadQuerySet.as_manager()

    def __str__(self) -> str:
        return f"head of {self.space}, {self.trained_at:%Y-%m-%d %H:%M}"


class Detector(models.Model):
    """What finds a space's kinds of products in a photo of a room. It is trained after the head."""

    space = models.OneToOneField(Space, models.CASCADE, primary_key=True)
    categories = models.JSONField(help_text="Ids of the categories that it tells apart, as the head's.")
    data = models.BinaryField(help_text="safetensors (ml.detector); empty where nothing could be learned.")
    found = models.JSONField(help_text="What it found in made-up scenes that it had not learned from.")
    trained_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"detector of {self.space_id}, {self.trained_at:%Y-%m-%d %H:%M}"


class QueryQuerySet(models.QuerySet["Query"]):
    def labelled(self, space: Space) -> "QueryQuerySet":
        """Photo searches in the space whose vector was kept and whose category the customer named, as `label`.

        The customer named it in an event, or by searching in that category alone.
        """
        corrected = Event.objects.filter(
            query=models.OuterRef("pk"), kind=Event.Kind.WRONG_CATEGORY, category__isnull=False
        ).order_by("-pk")
        chosen = models.Case(models.When(mode="override", searched__len=1, then="category_id"))
        label = Coalesce(
            models.Subquery(corrected.values("category_id")[:1]), chosen, output_field=models.BigIntegerField()
        )
        return self.filter(space=space, vector__isnull=False).annotate(label=label).filter(label__isnull=False)

    def chosen(self, space: Space) -> "QueryQuerySet":
        """Photo searches in the space whose vector was kept and whose customer took a product: the last one's `sku`.

        A product is taken that goes into the cart or is bought.
        """
        taken = Event.objects.filter(query=models.OuterRef("pk"), kind__in=[Event.Kind.CART, Event.Kind.PURCHASE])
        sku = models.Subquery(taken.exclude(sku="").order_by("-pk").values("sku")[:1])
        return self.filter(space=space, vector__isnull=False).annotate(sku=sku).filter(sku__isnull=False)


class Query(models.Model):
    """A search that was answered, kept for QUERY_LOG_DAYS. Neither the photo nor an address is kept."""

    class Kind(models.TextChoices):
        PHOTO = "photo"
        SIMILAR = "similar"
        TEXT = "text"

    id = models.UUIDField(primary_key=True, editable=False)
    asked_at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # No constraint in the database: every search writes a row, and would lock the rows of the space and the category.
    space = models.ForeignKey(
        Space, models.DO_NOTHING, null=True, db_index=False, db_constraint=False, related_name="+"
    )
    mode = models.CharField(max_length=10, blank=True, help_text="The gate's mode, where there was a gate.")
    searched = ArrayField(models.BigIntegerField(), default=list, blank=True, help_text="Ids of the categories.")
    category = models.ForeignKey(
        "catalog.Category",
        models.SET_NULL,
        null=True,
        db_index=False,
        db_constraint=False,
        related_name="+",
        help_text="The likeliest of those searched; empty: unknown.",
    )
    ms = models.FloatField(help_text="Milliseconds that the answer took.")
    results = models.PositiveSmallIntegerField(help_text="Products in the answer.")
    request_id = models.CharField(
        max_length=64, null=True, blank=True, help_text="The X-Request-ID of its answer, which its log lines have."
    )
    vector = HalfVectorField(null=True, help_text="The query photo's vector, where LEARN_FROM_FEEDBACK is on.")
    label: int | None  # Only from labelled().
    sku: str | None  # Only from chosen().

    objects = QueryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "queries"
        # The index includes the time taken, so that today's median is read from it alone.
        indexes: ClassVar = [
            models.Index(fields=["asked_at"], include=["ms"], name="query_asked_at"),
            models.Index(fields=["request_id"], name="query_request_id"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} search of {self.asked_at:%Y-%m-%d %H:%M}"


class Event(models.Model):
    """What a customer did with an answer. It is deleted with its query."""

    class Kind(models.TextChoices):
        CLICK = "click"
        CART = "cart"
        PURCHASE = "purchase"
        WRONG_CATEGORY = "wrong_category"

    # Cascading through Django deletes a hundred queries at a time: search.log.queries does it by the thousand.
    query = models.ForeignKey(Query, models.DO_NOTHING, db_index=False, related_name="events")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    sku = models.CharField(max_length=SKU_LENGTH, blank=True)
    position = models.PositiveSmallIntegerField(null=True, help_text="Position of the product in the answer, from 1.")
    category = models.ForeignKey(
        "catalog.Category", models.SET_NULL, null=True, related_name="+", help_text="The right one, if it was wrong."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            # Its index finds the events of a query as well.
            models.UniqueConstraint(
                fields=["query", "kind", "sku", "position"], nulls_distinct=False, name="one_event_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.sku}".strip()


class Day(models.Model):
    """A day's queries summed up, in all and by category. The sums stay when the queries go."""

    date = models.DateField()
    category = models.ForeignKey(
        "catalog.Category",
        models.CASCADE,
        null=True,
        related_name="+",
        help_text="The likeliest category of these queries; empty: all queries.",
    )
    searches = models.PositiveIntegerField()
    clicked_1 = models.PositiveIntegerField(help_text="Searches whose first result was clicked.")
    clicked_5 = models.PositiveIntegerField(help_text="Searches with a click among the first 5 results.")
    clicked_10 = models.PositiveIntegerField(help_text="Searches with a click among the first 10 results.")
    carts = models.PositiveIntegerField()
    purchases = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["-date", models.F("category_id").asc(nulls_first=True)]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["date", "category"], nulls_distinct=False, name="one_row_per_day_and_category"
            )
        ]

    def __str__(self) -> str:
        return f"{self.date}, {self.category or 'all'}"
