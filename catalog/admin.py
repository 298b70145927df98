"""The catalogue in the staff's admin: several photos can be dropped on a product at once."""

from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.views.main import ORDER_VAR
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms.fields import InvalidJSONInput
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, re_path, reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminURLInputWidget

from catalog import import_admin  # noqa: F401  registers its pages
from catalog.models import Category, Photo, Product, ProductQuerySet
from catalog.photos import MAX_PHOTOS, Picture, TooManyPhotos, add_pictures
from ml.images import FORMATS, MAX_BYTES, UnreadablePhoto, as_jpeg, open_photo

# Rows that a list counts and leads to: beyond them nobody pages, and what is counted costs time on every page.
MOST_COUNTED = 10_000
# Pixels of a small photo's longer side: of one shown at 120, where pixels are small. 50 whole photos are 20 MB.
THUMBNAIL_SIDE = 240
# Products that one action takes, so that it ends well within a request; more come from a file (import_catalog).
MOST_SELECTED = 500


def thumbnail(name: str | None, alt: str = "") -> SafeString | str:
    """A small <img> of a stored photo, fetched when it is scrolled into sight."""
    if not name:
        return "–"
    url = reverse("admin:catalog_product_thumbnail", args=[name])
    return format_html('<img class="thumbnail" src="{}" alt="{}" loading="lazy">', url, alt)


class BoundedPaginator(Paginator):
    """Counts no more than MOST_COUNTED rows, and says so below the list."""

    template_name = "catalog/pagination.html"
    object_list: QuerySet[Any]

    @cached_property
    def count(self) -> int:
        return self.counted()[: self.most].count()

    def counted(self) -> QuerySet[Any, Any]:
        return self.object_list.order_by().values("pk")

    @property
    def most(self) -> int:
        return MOST_COUNTED

    @property
    def is_cut(self) -> bool:
        return self.count == self.most


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ["name", "slug", "products"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return Category.objects.with_product_counts()

    @admin.display(ordering="product_count")
    def products(self, category: Category) -> int:
        return category.product_count


class DropZone(forms.FileInput):
    """Photos are dropped, seen and taken back before they are sent; without JavaScript it is a file input."""

    allow_multiple_selected = True
    template_name = "catalog/drop_zone.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        limits = {"each": MAX_BYTES, "together": settings.MAX_ADMIN_REQUEST_BYTES, "count": MAX_PHOTOS}
        accept = ",".join(f"image/{name.lower()}" for name in FORMATS)
        context = super().get_context(name, value, {**(attrs or {}), "accept": accept})
        return {**context, "limits": limits}

    class Media:
        css = {"all": ["catalog/admin.css"]}
        js = [Script("catalog/drop-zone.js", type="module")]


class PicturesField(forms.FileField):
    """Several photos; what is wrong with any of them is an error of the form that names the file."""

    widget = DropZone

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
    url = forms.URLField(
        required=False, max_length=500, assume_scheme="https", widget=UnfoldAdminURLInputWidget, label="URL"
    )
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
        widgets = {name: UnfoldAdminTextareaWidget({"rows": 4}) for name in ("description", "attributes")}

    def clean_attributes(self) -> dict[str, Any]:
        return self.cleaned_data["attributes"] or {}  # an emptied text area is None


class MoveForm(forms.Form):
    """Where the selected products go."""

    to = forms.ModelChoiceField(
        Category.objects.all(), label="Move to", empty_label="Select a category", widget=UnfoldAdminSelectWidget
    )


class PhotoInline(TabularInline):
    """The photos there are: they can be reordered and deleted. New ones come through ProductForm.new_photos."""

    model = Photo
    extra = 0
    ordering_field = "position"
    fields = ["preview", "size", "created_at", "position"]
    readonly_fields = ["preview", "size", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and db_field.name == "position":
            formfield.widget.attrs["aria-label"] = "Position of the photo"  # A table's heading names no field.
        return formfield

    @admin.display
    def preview(self, photo: Photo) -> SafeString | str:
        link = '<a href="{}" target="_blank" title="Open the photo">{}</a>'
        return format_html(link, photo.file.url, thumbnail(photo.file.name))

    @admin.display
    def size(self, photo: Photo) -> str:
        return f"{photo.width} × {photo.height}"


@admin.register(Product)
class ProductAdmin(ModelAdmin):
    form = ProductForm
    inlines = [PhotoInline]
    list_display = ["photo", "sku", "name", "category", "costs", "in_stock", "changed"]
    list_display_links = ["photo", "sku", "name"]
    list_filter: Any = ["in_stock", ("category", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["category"]
    list_per_page = 50
    list_max_show_all = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # Each would count all products.
    search_fields = ["sku", "name"]
    search_help_text = "Words of the product, or the start of a sku"
    readonly_fields = ["created_at", "updated_at"]
    actions: Any = ["move", "delete_selected"]
    warn_unsaved_form = True

    class Media:
        css = {"all": ["catalog/admin.css"]}

    def get_urls(self) -> list[URLPattern]:
        small = self.admin_site.admin_view(self.thumbnail, cacheable=True)
        name = r"^thumbnail/(?P<name>photos/[0-9a-f]{2}/\w+\.jpg)$"
        return [re_path(name, small, name="catalog_product_thumbnail"), *super().get_urls()]

    @method_decorator(cache_control(private=True, max_age=31_536_000, immutable=True))
    def thumbnail(self, request: HttpRequest, name: str) -> HttpResponse:
        """A stored photo, small. It never changes: its name is its hash."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            with default_storage.open(name) as file:
                photo = open_photo(file.read(), side=THUMBNAIL_SIDE)
        except (OSError, UnreadablePhoto) as error:
            raise Http404 from error
        return HttpResponse(as_jpeg(photo, quality=80), content_type="image/jpeg")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        first = Photo.objects.filter(product=OuterRef("pk")).values("file")[:1]
        return super().get_queryset(request).annotate(first_photo=Subquery(first))

    def get_search_results(
        self, request: HttpRequest, queryset: ProductQuerySet, search_term: str
    ) -> tuple[ProductQuerySet, bool]:
        """As the API searches, by an index, and best first; a column that was clicked orders them otherwise."""
        if not search_term.strip():
            return queryset, False
        found = queryset.search(search_term)
        return (found.order_by(*queryset.query.order_by) if ORDER_VAR in request.GET else found), False

    @admin.display
    def photo(self, product: Product) -> SafeString | str:
        first: str | None = product.first_photo  # type: ignore[attr-defined]  # annotated above
        return thumbnail(first, f"Photo of {product.sku}")

    @admin.display(description="price", ordering="price")
    def costs(self, product: Product) -> str:
        return "–" if product.price is None else f"{product.price}\xa0{product.currency}"

    @admin.display(ordering="updated_at")
    def changed(self, product: Product) -> str:
        return naturaltime(product.updated_at)

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        fields = ["sku", "name", "category", "description", ("price", "currency"), "in_stock", "url", "attributes"]
        photos = ["new_photos"] if request.user.has_perm("catalog.add_photo") else []
        return [*fields, *photos, ("created_at", "updated_at")]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        # Leaving it out of get_fields hides a declared field, but would still take what is sent for it.
        if "new_photos" not in self.get_fields(request):
            form.base_fields.pop("new_photos", None)
        return form

    @admin.action(description="Move to a category", permissions=["change"])
    def move(self, request: HttpRequest, selected: QuerySet[Product]) -> HttpResponse | None:
        """Asks which category, then saves each product: whoever listens to saved products hears of every one."""
        if (products := self.few(request, selected)) is None:
            return None
        form = MoveForm(request.POST if "to" in request.POST else None)
        if not form.is_valid():
            return self._ask_where(request, products, form)
        target = form.cleaned_data["to"]
        moved = [product for product in products if product.category_id != target.pk]
        with transaction.atomic():
            for product in moved:
                product.category = target
                product.save(update_fields=["category", "updated_at"])
            LogEntry.objects.log_actions(cast(User, request.user).pk, moved, CHANGE, f"Moved to {target}.")
        said = ngettext("%d product was moved to %s.", "%d products were moved to %s.", len(moved))
        self.message_user(request, said % (len(moved), target), messages.SUCCESS)
        return None

    @admin.action(description="Delete the selected products", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, selected: QuerySet[Product]) -> HttpResponse | None:
        """Django's own, of a few: it holds and lists whatever would go."""
        return None if self.few(request, selected) is None else delete_selected(self, request, selected)

    def few(self, request: HttpRequest, selected: QuerySet[Product]) -> list[Product] | None:
        """The selected products; None, and a message, when they are too many for one request."""
        products = list(selected[: MOST_SELECTED + 1])
        if len(products) > MOST_SELECTED:
            self.message_user(request, f"Select {MOST_SELECTED} products at most, in several turns.", messages.ERROR)
            return None
        return products

    def _ask_where(self, request: HttpRequest, products: list[Product], form: MoveForm) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": "Move to a category",
            "opts": self.opts,
            "products": products,
            "form": form,
            "selected": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "catalog/move_products.html", context)

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
