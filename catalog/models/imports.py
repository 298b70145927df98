"""Catalogues that come in."""

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models

from catalog.feeds.models import MAX_HEADER, Feed
from catalog.importing.zip_names import CODE_PAGES
from catalog.storage import private_storage


def sent_path(sent: "Import", _name: str) -> str:
    return uuid4().hex


class ImportQuerySet(models.QuerySet["Import"]):
    def waiting(self) -> Self:
        """Imports that a worker has to go on with. The one that has waited longest comes first."""
        return self.filter(state__in=Import.WAITING).order_by(models.F("active_at").asc(nulls_first=True), "pk")

    def over(self) -> Self:
        return self.filter(state__in=Import.OVER)

    def held(self) -> Self:
        """Runs of feeds that wait for a person: they were to be imported, and the brake holds them."""
        return self.filter(state=Import.State.CHECKED, feed__isnull=False, is_check=False)


class Import(models.Model):
    """A catalogue that staff sent, or that a feed brought (catalog.importing.jobs).

    It is checked first. It is imported once staff have seen what would change, and confirm. A feed's is imported by
    itself, unless its brake holds it (catalog.feeds.brake).
    """

    class State(models.TextChoices):
        CHECKING = "checking"
        CHECKED = "checked"
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    WAITING = (State.CHECKING, State.QUEUED, State.RUNNING)
    OVER = (State.DONE, State.FAILED, State.CANCELLED)

    state = models.CharField(max_length=10, choices=State, default=State.CHECKING)
    # The files are kept until the import is over. Then these fields are empty.
    csv = models.FileField("CSV or XML file", upload_to=sent_path, storage=private_storage, max_length=255, blank=True)
    photos = models.FileField("ZIP of photos", upload_to=sent_path, storage=private_storage, max_length=255, blank=True)
    csv_name = models.CharField(max_length=255, blank=True, editable=False)
    photos_name = models.CharField(max_length=255, blank=True, editable=False)
    format = models.CharField(
        max_length=20, blank=True, help_text="A name of catalog.importing.recognition; empty: found out by the file."
    )
    zip_names = models.CharField(
        "letters of its names",
        max_length=10,
        blank=True,
        choices=CODE_PAGES,
        help_text="In which code page the ZIP's names are written. Only old programs do not say it.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    feed = models.ForeignKey(Feed, on_delete=models.SET_NULL, null=True, editable=False, related_name="imports")
    is_check = models.BooleanField(default=False, editable=False, help_text="Of a feed: not imported by itself.")
    gone_as = models.CharField(
        max_length=8,
        blank=True,
        editable=False,
        choices=Feed.Gone,
        help_text="Of a feed: what becomes of gone products.",
    )
    is_confirmed = models.BooleanField(default=False, editable=False, help_text="Of a feed: a person started it.")
    feed_products = models.PositiveIntegerField(
        null=True, editable=False, help_text="Of a feed: the products that it had once this was done."
    )
    # What the feed's server said of the file.
    etag = models.CharField(max_length=MAX_HEADER, blank=True, editable=False)
    last_modified = models.CharField(max_length=MAX_HEADER, blank=True, editable=False)

    # These tell about the check, which is a dry run, and then anew about the import itself.
    dry_run = models.BooleanField(default=True, editable=False)
    unit = models.CharField(max_length=10, blank=True, editable=False, help_text="What a row is: a line or a file.")
    total = models.PositiveIntegerField(null=True, editable=False, help_text="Rows; unknown until they are counted.")
    done = models.PositiveIntegerField(default=0, editable=False, help_text="Rows settled: the first ones, in order.")
    added = models.PositiveIntegerField(default=0, editable=False)
    updated = models.PositiveIntegerField(default=0, editable=False)
    unchanged = models.PositiveIntegerField(default=0, editable=False)
    refused = models.PositiveIntegerField(default=0, editable=False)
    gone = models.PositiveIntegerField(default=0, editable=False, help_text="Products that its feed has no more.")
    photos_added = models.PositiveIntegerField(default=0, editable=False)
    note = models.TextField(blank=True, editable=False, help_text="A note on the files sent.")
    reason = models.TextField(blank=True, editable=False, help_text="Why it failed, was cancelled or waits.")
    attempts = models.PositiveSmallIntegerField(default=0, editable=False, help_text="Turns since a row was settled.")
    begun_at = models.DateTimeField(null=True, editable=False)
    active_at = models.DateTimeField(null=True, editable=False, help_text="When a worker last went on with it.")

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return " and ".join(filter(None, [self.csv_name, self.photos_name])) or f"import {self.pk}"


class ImportRow(models.Model):
    """What became of a row, or would, or of a product that is gone. Refused rows are all kept, of others the first."""

    # The constraint's index serves it.
    of = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="rows", db_index=False)
    number = models.PositiveIntegerField(help_text="Its place among the rows, from 0.")
    place = models.TextField(help_text="The line or the file.")
    sku = models.TextField()
    outcome = models.CharField(max_length=9)
    photos_added = models.PositiveIntegerField(default=0)
    text = models.TextField(help_text="Why it was refused, or what is added or changes.")

    class Meta:
        default_permissions = ()
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["of", "outcome", "number"], name="import_row_once")]

    def __str__(self) -> str:
        return f"{self.of.unit} {self.place}: {self.outcome}"
