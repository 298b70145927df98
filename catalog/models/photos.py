"""Pictures of products, and the web addresses that some come from."""

from typing import Any, Self

from django.core.validators import MaxValueValidator
from django.db import models, transaction
from django.db.models.functions import MD5
from django.utils import timezone

from catalog.fetching.web_addresses import shown as shown_address

# Far above any number of photos and far below what the column holds.
MAX_POSITION = 10_000


def photo_path(photo: "Photo", _name: str) -> str:
    return f"photos/{photo.sha256[:2]}/{photo.sha256}.jpg"


class Photo(models.Model):
    """A picture of a product, made by catalog.photos. It never changes: another picture is another row."""

    product = models.ForeignKey("catalog.Product", on_delete=models.CASCADE, related_name="photos")
    file = models.FileField(upload_to=photo_path, help_text="The JPEG kept: upright, without metadata.")
    sha256 = models.CharField(max_length=64, editable=False, help_text="SHA-256 of the bytes that were uploaded.")
    width = models.PositiveIntegerField(editable=False, help_text="Width of the JPEG kept, in pixels.")
    height = models.PositiveIntegerField(editable=False, help_text="Height of the JPEG kept, in pixels.")
    fingerprint = models.BinaryField(
        default=b"",
        db_default=b"",
        editable=False,
        help_text="Fingerprint of the picture (ml.images.fingerprint); empty until it is taken.",
    )
    position = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(MAX_POSITION)], help_text="Lower comes first."
    )
    from_address = models.BooleanField(
        default=False,
        db_default=False,
        editable=False,
        help_text="Whether a web address brought it, and nobody else: it leaves once no address names it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["product", "sha256"], name="photo_once_per_product")]

    def __str__(self) -> str:
        return f"photo {self.position + 1} of {self.product}"

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Its addresses forget it. They are locked after the product, as workers lock them."""
        with transaction.atomic():
            mine = Photo.objects.filter(pk=self.pk).select_related("product").only("product__sku")
            list(mine.select_for_update(of=("product",), no_key=True))
            list(PhotoAddress.objects.filter(photo=self.pk).locked().values_list("pk"))
            return super().delete(*args, **kwargs)


class PhotoAddressQuerySet(models.QuerySet["PhotoAddress"]):
    def pending(self) -> Self:
        """Addresses that a worker is to ask now. One that is being asked is due again when its lease is over."""
        return self.filter(state=PhotoAddress.State.WAITING, due_at__lte=timezone.now())

    def settled(self) -> Self:
        return self.exclude(state=PhotoAddress.State.WAITING)

    def locked(self) -> Self:
        """The same rows, locked in the one order in which all take them: anything else may end in a deadlock.

        Whoever takes products as well takes those first.
        """
        return self.order_by("product_id", "pk").select_for_update(no_key=True, of=("self",))

    def ask_again(self) -> int:
        """Have these asked again, from the first attempt. What they brought stays. Returns how many.

        The caller has locked them.
        """
        waiting = PhotoAddress.State.WAITING
        return self.update(state=waiting, due_at=timezone.now(), attempts=0, leases=0, reason="")

    def ask_anew(self) -> int:
        """The same, for people: what they deleted comes back, even if its address has nothing else to send."""
        with transaction.atomic():
            rows = self.model.objects.filter(pk__in=list(self.locked().values_list("pk", flat=True)))
            rows.filter(photo=None).update(etag="", last_modified="", sha256="")
            return rows.ask_again()

    def resting(self) -> Self:
        """Those that failed, and those whose next try comes later; none that is being asked."""
        failed, waiting = PhotoAddress.State.FAILED, PhotoAddress.State.WAITING
        later = models.Q(state=waiting, attempts__gt=0, leases=0, due_at__gt=timezone.now())
        return self.filter(models.Q(state=failed) | later)


class PhotoAddress(models.Model):
    """A web address at which a catalogue says that a product's photo is (catalog.photo_addresses)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        FETCHED = "fetched"
        FAILED = "failed"

    # The constraint's index serves it.
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="photo_addresses", db_index=False
    )
    url = models.TextField(
        help_text="As the catalogue has it. It may hold a user and a password: show `shown` instead."
    )
    host = models.TextField(blank=True, help_text="Whom to ask; empty where the address cannot be read.")
    position = models.PositiveIntegerField(help_text="Its place among the product's addresses, from 0.")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why the last attempt failed.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Attempts that failed since it became due.")
    leases = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="Leases since it was last settled: this one, and those of killed workers.",
    )
    due_at = models.DateTimeField(
        default=timezone.now, help_text="When it is to be asked. While it is being asked, when its lease is over."
    )
    etag = models.TextField(blank=True, help_text="What the server said of what it sent last, as the next two.")
    last_modified = models.TextField(blank=True)
    sha256 = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the bytes that it sent last.")
    photo = models.ForeignKey(
        Photo,
        on_delete=models.SET_NULL,
        null=True,
        related_name="addresses",
        help_text="What it brought; none if staff deleted that.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    asked_at = models.DateTimeField("last asked", null=True)

    objects = PhotoAddressQuerySet.as_manager()

    class Meta:
        ordering = ["product", "position", "id"]
        verbose_name_plural = "photo addresses"
        constraints = [
            # Of its hash: an address may be longer than an entry of an index.
            models.UniqueConstraint("product", MD5("url"), name="photo_address_once_per_product"),
        ]
        indexes = [
            # Workers ask for the hosts, and then for what is due at one.
            models.Index(fields=["host", "due_at"], name="photo_address_due", condition=models.Q(state="waiting")),
            models.Index(fields=["state"], name="photo_address_state"),
        ]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """The address without user, password and query."""
        return shown_address(self.url)
