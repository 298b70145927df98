"""The catalogue in Django's admin: several photos can be added to a product at once."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminURLFieldWidget
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.models import Category, Photo, Product
from catalog.photos import MAX_PHOTOS, Picture, TooManyPhotos, add_pictures
from ml.images import MAX_BYTES, UnreadablePhoto


def thumbnail(name: str | None, side: int) -> SafeString | str:
    """An <img> of a stored file, at most `side` pixels, fetched when it is scrolled into sight."""
    if not name:
        return "–"
    return format_html(
        '<img src="{}" alt="" loading="lazy" style="max-width: {}px; max-height: {}px">',
        default_storage.url(name),
        side,
        side,
    )


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ["name", "slug", "products"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return Category.objects.with_product_counts()

    @admin.display(ordering="product_count")
    def products(self, category: Category) -> int:
        return category.product_count


class SeveralFiles(forms.FileInput):
    allow_multiple_selected = True


class PicturesField(forms.FileField):
    """Several photos; what is wrong with any of them is an error of the form that names the file."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Picture]:
        pictures, errors = [], []
        for upload in data or ():
            try:
                pictures.append(read_picture(super().clean(upload, initial)))
            except UnreadablePhoto as error:
                errors.append(forms.ValidationError(f"{upload.name}: {error.message}", code=error.code.value))
            except forms.ValidationError as error:
                errors += [forms.ValidationError(f"{upload.name}: {text}") for text in error.messages]
        if errors:
            raise forms.ValidationError(errors)
        return pictures

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


def read_picture(upload: UploadedFile) -> Picture:
    """Raises UnreadablePhoto."""
    picture = Picture(upload.read(MAX_BYTES + 1))
    picture.decode()
    return picture


class BoundedJSONField(forms.JSONField):
    """JSON as Django reads it; nested too deep or with an endless number it is an error of the form, not a 500.

    What was typed is shown again as it was typed: decoded, it may hold what no page can be encoded with.
    """

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except (RecursionError, ValueError) as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        return InvalidJSONInput(data or "")


class ProductForm(forms.ModelForm):
    url = forms.URLField(required=False, max_length=500, assume_scheme="https", widget=AdminURLFieldWidget, label="URL")
    new_photos = PicturesField(
        required=False,
        help_text=f"Several can be chosen at once, {MAX_PHOTOS} a product: JPEG, PNG, WebP, AVIF or GIF, "
        f"up to {MAX_BYTES // 1_000_000} MB each and {settings.MAX_ADMIN_REQUEST_BYTES // 1_000_000} MB together.",
    )

    class Meta:
        model = Product
        fields = [
            "sku",
            "name",
            "category",
            "description",
            "price",
            "currency",
            "in_stock",
            "url",
            "attributes",
        ]
        field_classes = {"attributes": BoundedJSONField}

    def clean_attributes(self) -> dict[str, Any]:
        return self.cleaned_data["attributes"] or {}  # an emptied text area is None


class PhotoInline(admin.TabularInline):
    """The photos there are: they can be reordered and deleted. New ones come through ProductForm.new_photos."""

    model = Photo
    extra = 0
    fields = ["preview", "position", "size", "created_at"]
    readonly_fields = ["preview", "size", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display
    def preview(self, photo: Photo) -> SafeString | str:
        return thumbnail(photo.file.name, 120)

    @admin.display
    def size(self, photo: Photo) -> str:
        return f"{photo.width} × {photo.height}"


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    form = ProductForm
    inlines = [PhotoInline]
    list_display = ["photo", "sku", "name", "category", "price", "currency", "in_stock", "updated_at"]
    list_display_links = ["photo", "sku", "name"]
    list_filter = ["in_stock", "category"]
    list_select_related = ["category"]
    list_per_page = 50
    search_fields = ["sku", "name"]
    readonly_fields = ["created_at", "updated_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        first = Photo.objects.filter(product=OuterRef("pk")).values("file")[:1]
        return super().get_queryset(request).annotate(first_photo=Subquery(first))

    @admin.display
    def photo(self, product: Product) -> SafeString | str:
        return thumbnail(product.first_photo, 60)  # type: ignore[attr-defined]  # annotated above

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        fields = [*ProductForm.Meta.fields, *self.readonly_fields]
        return [*fields, "new_photos"] if request.user.has_perm("catalog.add_photo") else fields

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        # Leaving it out of get_fields hides a declared field, but would still take what is sent for it.
        if "new_photos" not in self.get_fields(request):
            form.base_fields.pop("new_photos", None)
        return form

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What belongs to a product goes with it and needs no permission of its own, as over REST."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        pictures = form.cleaned_data.get("new_photos")
        if not pictures:
            return
        try:
            added = add_pictures(form.instance, pictures)
        except TooManyPhotos as error:
            messages.error(request, f"No photo was added. {error}")
            return
        new = sum(created for _, created in added)
        messages.info(request, f"Photos: {new} added, {len(added) - new} were there already.")
