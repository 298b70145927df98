"""Feeds: catalogues at an address, which are read again and again, and the products that each brought."""

from datetime import timedelta
from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from catalog.feeds.addresses import MAX_ADDRESS, validate_address
from catalog.fetching.web_addresses import shown

MAX_HEADER = 500
"""Characters of an ETag or a Last-Modified that are kept. A longer one is not sent back."""


class FeedQuerySet(models.QuerySet["Feed"]):
    def named(self, name: str) -> "Feed | None":
        return self.filter(name=name).first()


class Feed(models.Model):
    """A catalogue at an address (catalog.feeds.runs). Each run that has something to read is an Import."""

    class Every(models.IntegerChoices):
        """Minutes."""

        QUARTER = 15, "every quarter of an hour"
        HOUR = 60, "every hour"
        SIX_HOURS = 360, "every six hours"
        DAY = 1440, "every day"
        WEEK = 10_080, "every week"

    class Gone(models.TextChoices):
        KEEP = "keep", "stay as they are"
        SOLD_OUT = "sold_out", "are sold out"
        DELETE = "delete", "are deleted, with their photos"

    class Asked(models.TextChoices):
        NOTHING = "", "nothing"
        RUN = "run", "a run"
        CHECK = "check", "a check alone"

    class Answer(models.TextChoices):
        NONE = "", "never read"
        FILE = "file", "a file"
        NOT_MODIFIED = "not_modified", "not modified"
        FAILED = "failed", "failed"

    name = models.CharField(max_length=100, unique=True, help_text="What staff call it.")
    address = models.CharField(
        max_length=MAX_ADDRESS,
        validators=[validate_address],
        help_text="Where the file lies: https://shop.example/feed.xml. With user and password, if it needs them: "
        "https://user:password@shop.example/feed.xml. They are never shown again.",
    )
    format = models.CharField(
        max_length=20, blank=True, help_text="A name of catalog.importing.recognition; empty: found out by the file."
    )
    every = models.PositiveIntegerField("read", choices=Every, default=Every.DAY)
    is_on = models.BooleanField("on", default=True, help_text="Read by its schedule. Otherwise only when you say so.")
    gone = models.CharField(
        "products that are gone",
        max_length=8,
        choices=Gone,
        default=Gone.SOLD_OUT,
        help_text="What becomes of products that the feed had and has no more. Products of another feed, and those "
        "that no feed had, are left alone.",
    )
    brake = models.PositiveSmallIntegerField(
        "brake, in percent",
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="If more than this share of the feed's products would be gone, at once or in a week, nothing is "
        "written until you confirm.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    # What the server said of the file that was imported last: it is asked whether that has changed.
    etag = models.CharField(max_length=MAX_HEADER, blank=True, default="", editable=False)
    last_modified = models.CharField(max_length=MAX_HEADER, blank=True, default="", editable=False)
    asked = models.CharField(max_length=5, choices=Asked, blank=True, default="", editable=False)
    reading_until = models.DateTimeField(
        null=True, editable=False, help_text="A worker reads the file until then. If it is over, that one has died."
    )
    read_at = models.DateTimeField("last run", null=True, editable=False)
    next_run = models.DateTimeField(default=timezone.now, editable=False)
    answer = models.CharField(max_length=12, choices=Answer, blank=True, default="", editable=False)
    reason = models.TextField(blank=True, default="", editable=False, help_text="Why the last run failed.")
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="Runs in a row that failed.")

    objects = FeedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<Feed: {self.name}>"

    @property
    def interval(self) -> timedelta:
        return timedelta(minutes=self.every)

    @property
    def shown_address(self) -> str:
        return shown(self.address)

    def clean_fields(self, exclude: Any = None) -> None:
        self.address = self.address.strip()
        super().clean_fields(exclude=exclude)


class FeedProductQuerySet(models.QuerySet["FeedProduct"]):
    def held(self) -> Self:
        """What feeds have, as of their last runs."""
        return self.filter(is_gone=False)


class FeedProduct(models.Model):
    """A product that a feed has, or had once."""

    # The constraint's index serves it.
    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="products", db_index=False)
    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, related_name="+")
    # No key and no index: imports are forgotten, and each run writes it in every row, which is cheap without one.
    seen_in = models.BigIntegerField(help_text="The number of the last import, or check, that had it.")
    is_gone = models.BooleanField(default=False, help_text="The feed had it once, and has it no more.")
    sold_out = models.BooleanField(
        default=False,
        help_text="It was in stock until it was gone: so it is again once a feed has it, and says no stock.",
    )

    objects = FeedProductQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["feed", "product"], name="feed_product_once")]

    def __str__(self) -> str:
        return f"{self.feed}: {self.product}"
