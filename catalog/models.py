"""What is sold: categories, products and their photos."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchRank, SearchVectorField
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import MD5, Cast, Concat, JSONObject, Upper
from django.utils import timezone

from catalog import words as full_text
from catalog.feeds.models import MAX_HEADER, Feed
from catalog.fetching.web_addresses import shown as shown_address
from catalog.importing.zip_names import CODE_PAGES
from catalog.storage import private_storage
from catalog.synonyms import synonyms_within
from catalog.validators import (
    MAX_KEY_LENGTH,
    SKU_LENGTH,
    currency_validator,
    reserved_slug_validator,
    sku_validator,
    validate_attributes,
)

# PostgreSQL refuses a full-text vector above 1 MB: this stays far below it.
MAX_DESCRIPTION = 20_000
# Five sentences or more. What a model writes beyond them says nothing new.
MAX_CAPTION = 1_000
# Far above any number of photos and far below what the column holds.
MAX_POSITION = 10_000
MAX_WORD = 40
MAX_ATTRIBUTE_VALUE = 60


class CategoryQuerySet(models.QuerySet["Category"]):
    def with_product_counts(self) -> Self:
        # Ordered here: Django drops Meta.ordering from queries that group.
        return self.annotate(product_count=models.Count("products")).order_by("name", "slug")

    def meant_by(self, name: str, slug: str) -> "Category | None":
        """The category that a catalogue means by a name with this slug: it is or was called so, or has the slug."""
        name = name.casefold()
        was_called = models.Q(former_names__contains=[name])
        found = self.filter(models.Q(slug=slug) | models.Q(name__iexact=name) | was_called)

        def certainty(category: Category) -> tuple[bool, bool, bool, int]:
            by_slug = category.slug == slug == name
            return category.name.casefold() == name, by_slug, name in category.former_names, -category.pk

        return max(found, key=certainty, default=None)


class Category(models.Model):
    slug = models.SlugField(max_length=64, unique=True, allow_unicode=True, validators=[reserved_slug_validator])
    name = models.CharField(max_length=100)
    former_names = models.JSONField(
        default=list,
        db_default=models.Value([], models.JSONField()),
        editable=False,
        help_text="Names that it had before, in small letters: catalogues that are imported again may still use them.",
    )
    product_count: int  # only from with_product_counts()

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Keeps the name that it had, if this is another."""
        if self.pk and (update_fields is None or "name" in update_fields):
            had = Category.objects.filter(pk=self.pk).values_list("name", flat=True).first()
            if had is not None and had != self.name:
                now, before = self.name.casefold(), had.casefold()
                self.former_names = [name for name in dict.fromkeys([*self.former_names, before]) if name != now]
                update_fields = None if update_fields is None else {*update_fields, "former_names"}
        super().save(*args, update_fields=update_fields, **options)


class ProductQuerySet(models.QuerySet["Product"]):
    def search(self, words: str) -> Self:
        """Products that match `words` (catalog.words.query) or whose sku starts with them. Sets `rank`; best first."""
        return self.filter(has_words(words)).ranked(words)

    def ranked(self, words: str) -> Self:
        """The products by how well they match, best first. Sets `rank`."""
        rank = SearchRank(models.F("search_vector"), full_text.query(words, synonyms_within(words)))
        return self.annotate(rank=rank).order_by("-rank", "name", "sku")

    def with_headlines(self, words: str) -> Self:
        """Marks where the words are found in name and description (catalog.words.segments reads the marks)."""
        query = full_text.query(words, synonyms_within(words))
        return self.annotate(
            name_headline=full_text.headline("name", query, highlight_all=True),
            description_headline=full_text.headline("description", query, max_fragments=1),
        )

    def with_first_photo(self) -> Self:
        """Sets `first_photo`, the id and the file of the product's first photo; None if it has none."""
        photos = Photo.objects.filter(product_id=models.OuterRef("pk")).order_by("position", "pk")
        return self.annotate(first_photo=models.Subquery(photos.values(first=JSONObject(id="pk", file="file"))[:1]))

    def with_photos(self) -> Self:
        """Loads all that an answer of the API shows, in two queries for any number of products."""
        return self.select_related("category").prefetch_related("photos").defer("search_vector")


def has_words(words: str) -> models.Q:
    """Whether a product has the words, or its sku starts with them."""
    query = full_text.query(words, synonyms_within(words))
    return models.Q(search_vector=query) | models.Q(sku__istartswith=words.strip())


class Product(models.Model):
    EDITABLE = ("sku", "name", "category", "description", "price", "currency", "in_stock", "url", "attributes")

    sku = models.CharField(max_length=SKU_LENGTH, unique=True, validators=[sku_validator])
    name = models.CharField(max_length=200)
    category = models.ForeignKey(Category, on_delete=models.PROTECT, related_name="products")
    description = models.TextField(blank=True, validators=[MaxLengthValidator(MAX_DESCRIPTION)])
    price = models.DecimalField(
        max_digits=12, decimal_places=2, null=True, blank=True, validators=[MinValueValidator(Decimal(0))]
    )
    currency = models.CharField(max_length=3, default="EUR", validators=[currency_validator])
    in_stock = models.BooleanField(default=True)
    url = models.URLField(max_length=500, blank=True, help_text="The product's page in the shop.")
    attributes = models.JSONField(
        default=dict,
        blank=True,
        validators=[validate_attributes],
        help_text='A flat object, for example {"color": "Oak", "width": 80}.',
    )
    # Neither is the shop's own: whoever makes captions writes both, by a query, and leaves updated_at alone.
    caption = models.TextField(
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What the first photo shows, in words that a machine wrote. Searches by words read it.",
    )
    caption_source = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="What wrote the caption: a model's name, or plain where none did; empty: there is none.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search_vector = models.GeneratedField(
        expression=full_text.vector(), output_field=SearchVectorField(), db_persist=True
    )
    text_digest = models.GeneratedField(
        expression=MD5(
            Concat(
                "name",
                models.Value("\n"),
                "description",
                Cast("attributes", models.TextField()),
                "caption",
                output_field=models.TextField(),
            )
        ),
        output_field=models.CharField(max_length=32),
        db_persist=True,
    )
    rank: float  # only from search()
    found_by: str  # only from a search by words: "words" or "meaning"
    first_photo: dict[str, Any] | None  # only from with_first_photo()
    name_headline: str  # only from with_headlines(), as the next
    description_headline: str

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["name", "sku"]
        indexes = [
            models.Index(fields=["name", "sku"], name="product_name"),
            GinIndex(fields=["search_vector"], name="product_search"),
            GinIndex(OpClass("attributes", name="jsonb_path_ops"), name="product_attributes"),
            # Serves istartswith. Without it the OR in search() would scan the whole table.
            models.Index(OpClass(Upper("sku"), name="text_pattern_ops"), name="product_sku_prefix"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"


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


def photo_path(photo: "Photo", _name: str) -> str:
    return f"photos/{photo.sha256[:2]}/{photo.sha256}.jpg"


class Photo(models.Model):
    """A picture of a product, made by catalog.photos. It never changes: another picture is another row."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="photos")
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


class PhotoAddressQuerySet(models.QuerySet["PhotoAddress"]):
    def pending(self) -> Self:
        """Addresses that a worker is to ask now. One that is being asked is due again when its lease is over."""
        return self.filter(state=PhotoAddress.State.WAITING, due_at__lte=timezone.now())

    def settled(self) -> Self:
        return self.exclude(state=PhotoAddress.State.WAITING)

    def ask_again(self) -> int:
        """Have these asked again, from the first attempt. What they brought stays. Returns how many."""
        waiting = PhotoAddress.State.WAITING
        return self.update(state=waiting, due_at=timezone.now(), attempts=0, reason="")

    def ask_anew(self) -> int:
        """The same, for people: what they deleted comes back, even if its address has nothing else to send."""
        self.filter(photo=None).update(etag="", last_modified="", sha256="")
        return self.ask_again()

    def resting(self) -> Self:
        """Those that failed, and those whose next try comes later; none that is being asked."""
        failed, waiting = PhotoAddress.State.FAILED, PhotoAddress.State.WAITING
        return self.filter(models.Q(state=failed) | models.Q(state=waiting, attempts__gt=0, due_at__gt=timezone.now()))


class PhotoAddress(models.Model):
    """A web address at which a catalogue says that a product's photo is (catalog.photo_addresses)."""

    class State(models.TextChoices):
        WAITING = "waiting"
        FETCHED = "fetched"
        FAILED = "failed"

    # The constraint's index serves it.
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="photo_addresses", db_index=False)
    url = models.TextField(
        help_text="As the catalogue has it. It may hold a user and a password: show `shown` instead."
    )
    host = models.TextField(blank=True, help_text="Whom to ask; empty where the address cannot be read.")
    position = models.PositiveIntegerField(help_text="Its place among the product's addresses, from 0.")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    reason = models.TextField(blank=True, help_text="Why the last attempt failed.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Attempts that failed since it became due.")
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
        """The address without user and password."""
        return shown_address(self.url)


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
