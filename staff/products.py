"""Products in the admin, with the state of their photos in the live space."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.views.main import ORDER_VAR
from django.contrib.auth.models import User
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, re_path
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter

from catalog.filters import MAX_QUERY_LENGTH
from catalog.models import Photo, Product, ProductQuerySet
from catalog.photos import MAX_PHOTOS, TooManyPhotos, add_pictures, open_stored
from catalog.storage import NotStored, StoredPhotoError
from descriptions import caption_leases
from ml.images import as_jpeg, open_photo
from search import indexing, photo_states, worker_bell
from search.models import Rejection, Space
from search.photo_states import State
from staff import photo_addresses
from staff.lists import MOST_SELECTED, BoundedPaginator, CheckedChangeList, StaffModelAdmin, thumbnail
from staff.product_form import MoveForm, ProductForm
from staff.tags import DECIDE, proposed

# Pixels of a small photo's longer side. It is shown at 120, also on dense screens. 50 whole photos are 20 MB.
THUMBNAIL_SIDE = 240
NO_PHOTOS = "none"
VARIANTS = {State.INDEXED: "success", State.PENDING: "warning", State.REJECTED: "danger"}


def label(state: State, count: int | None = None) -> SafeString:
    """A coloured word, such as "2 pending"."""
    text = str(state) if count is None else f"{count} {state}"
    return mark_safe(render_to_string("unfold/helpers/label.html", {"text": text, "variant": VARIANTS[state]}))


class IndexStateFilter(DropdownFilter):
    title = "index state"
    parameter_name = "index"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [
            (State.PENDING, "with pending photos"),
            (State.REJECTED, "with rejected photos"),
            (State.INDEXED, "with all photos indexed"),
            (NO_PHOTOS, "without photos"),
        ]

    def queryset(self, request: HttpRequest, products: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() == NO_PHOTOS:
            return products.exclude(photo_states.has_photos())
        if self.value() not in set(State):
            return products
        space = Space.objects.live()
        return products.filter(photo_states.products_with(space, State(self.value()))) if space else products.none()


class FilteredPaginator(BoundedPaginator):
    """Counts products filtered by state in the list's own order, along its index. Each costs a look at its photos.

    Among a million photos 1,000 products take 30 ms, 10,000 take a second, and unordered ones ten times as long.
    """

    most = 1_000

    def counted(self) -> QuerySet[Any, Any]:
        return self.object_list.values("pk")


class IndexedChangeList(CheckedChangeList):
    """Asks for the states of all photos of the page's products at once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if space := Space.objects.live():
            products: list[Any] = list(self.result_list)
            counts = photo_states.per_product(space, [product.pk for product in products])
            for product in products:
                product.photo_states = counts[product.pk]
            self.result_list = products


class PhotoInline(TabularInline):
    """The product's photos, to reorder and delete. New ones come through ProductForm.new_photos."""

    model = Photo
    extra = 0
    ordering_field = "position"
    fields = ["preview", "index_state", "size", "created_at", "position"]
    readonly_fields = ["preview", "index_state", "size", "created_at"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_formset(self, request: HttpRequest, obj: Product | None = None, **kwargs: Any) -> Any:
        """No more forms than a product has photos, whatever is sent: by default 1,000 are made, for seconds."""
        return super().get_formset(request, obj, **{"max_num": MAX_PHOTOS, "absolute_max": MAX_PHOTOS, **kwargs})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield and db_field.name == "position":
            formfield.widget.attrs["aria-label"] = "Position of the photo"  # A table's heading labels no field.
        return formfield

    @admin.display
    def preview(self, photo: Photo) -> SafeString | str:
        link = '<a href="{}" target="_blank" title="Open the photo">{}</a>'
        return format_html(link, photo.file.url, thumbnail(photo.file.name))

    @admin.display
    def size(self, photo: Photo) -> str:
        return f"{photo.width} × {photo.height}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Photo]:
        photos = super().get_queryset(request)
        space = Space.objects.live()
        return photo_states.annotated(photos, space) if space else photos

    @admin.display(description="index")
    def index_state(self, photo: Photo) -> SafeString | str:
        if not hasattr(photo, "is_indexed"):
            return "no space yet"
        state = photo_states.of(photo)
        return format_html("{} {}", label(state), photo.rejected_because or "")  # type: ignore[attr-defined]


@admin.register(Product)
class ProductAdmin(StaffModelAdmin):
    form = ProductForm
    inlines = [PhotoInline]
    change_form_after_template = DECIDE
    list_display = ["photo", "sku", "name", "category", "index_state", "costs", "in_stock", "changed"]
    list_display_links = ["photo", "sku", "name"]
    list_filter = [IndexStateFilter, "in_stock", ("category", RelatedDropdownFilter)]
    list_filter_submit = True
    list_select_related = ["category"]
    list_per_page = 50
    list_max_show_all = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # Each facet would count all products.
    search_fields = ["sku", "name"]
    search_help_text = "Words of the product, or the start of a sku"
    readonly_fields = ["numbers", "addresses", "caption", "caption_source", "proposed", "created_at", "updated_at"]
    actions = ["move", "delete_selected", "reindex", "retry", "caption_anew"]
    warn_unsaved_form = True

    class Media:
        css = {"all": ["staff/products.css"]}

    def get_urls(self) -> list[URLPattern]:
        small = self.admin_site.admin_view(self.thumbnail, cacheable=True)
        name = r"^thumbnail/(?P<name>photos/[0-9a-f]{2}/\w+\.jpg)$"
        return [re_path(name, small, name="catalog_product_thumbnail"), *super().get_urls()]

    @method_decorator(cache_control(private=True, max_age=31_536_000, immutable=True))
    def thumbnail(self, request: HttpRequest, name: str) -> HttpResponse:
        """A small copy of a stored photo. It never changes, since its name is its hash. Raises StoredPhotoError."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            photo = open_stored(Photo(file=name), partial(open_photo, side=THUMBNAIL_SIDE))
        except StoredPhotoError as error:
            if error.transient:
                raise
            raise Http404 from error
        return HttpResponse(as_jpeg(photo, quality=80), content_type="image/jpeg")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        products: ProductQuerySet = super().get_queryset(request)
        return products.with_first_photo()

    def get_search_results(
        self, request: HttpRequest, queryset: ProductQuerySet, search_term: str
    ) -> tuple[ProductQuerySet, bool]:
        """Searches as the API does: by an index, best first. A column that was clicked sets another order."""
        if not search_term.strip():
            return queryset, False
        found = queryset.search(search_term[:MAX_QUERY_LENGTH])  # As in the API: PostgreSQL refuses a word of 2 kB.
        return (found.order_by(*queryset.query.order_by) if ORDER_VAR in request.GET else found), False

    @admin.display
    def photo(self, product: Product) -> SafeString | str:
        file: str | None = product.first_photo["file"] if product.first_photo else None
        return thumbnail(file, f"Photo of {product.sku}")

    @admin.display(description="proposed attributes")
    def proposed(self, product: Product) -> SafeString | str:
        return proposed(product)

    @admin.display(description="numbers read from it")
    def numbers(self, product: Product) -> str:
        return ", ".join(f"{number.name} {number.value:g}" for number in product.numbers.order_by("name"))

    @admin.display(description="photos at web addresses")
    def addresses(self, product: Product) -> SafeString | str:
        return photo_addresses.of_product(product)

    @admin.display(description="price", ordering="price")
    def costs(self, product: Product) -> str:
        return "–" if product.price is None else f"{product.price}\xa0{product.currency}"

    @admin.display(ordering="updated_at")
    def changed(self, product: Product) -> str:
        return naturaltime(product.updated_at)

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> Any:
        fields = ["sku", "name", "category", "description", ("price", "currency"), "in_stock", "url", "attributes"]
        photos = ["new_photos"] if request.user.has_perm("catalog.add_photo") else []
        tags = ["proposed"] if obj and request.user.has_perm("catalog.change_product") and proposed(obj) else []
        captions = ["caption", "caption_source"] if obj and obj.caption else []
        numbers = ["numbers"] if obj and obj.numbers.exists() else []
        addresses = ["addresses"] if obj and obj.photo_addresses.exists() else []
        return [*fields, *numbers, *tags, *photos, *addresses, *captions, ("created_at", "updated_at")]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        # get_fields only hides a declared field: the form would still take what is sent for it.
        if "new_photos" not in self.get_fields(request):
            form.base_fields.pop("new_photos", None)
        return form

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if not settings.CAPTION_URL:
            actions.pop("caption_anew", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Saves what the form shows alone: a caption may have been made since the product was read."""
        obj.save(update_fields=[*Product.EDITABLE, "updated_at"] if change else None)

    @admin.action(description="Move to a category", permissions=["change"])
    def move(self, request: HttpRequest, selected: QuerySet[Product]) -> HttpResponse | None:
        """Asks for the category, then saves each product, so that the signals tell of every one."""
        if (products := self.few(request, selected)) is None:
            return None
        form = MoveForm(request.POST if "to" in request.POST else None)
        if not form.is_valid():
            return self._ask_where(request, products, form)
        target = form.cleaned_data["to"]
        with transaction.atomic():
            moved = list(
                Product.objects.filter(pk__in=[product.pk for product in products])
                .exclude(category=target)
                .order_by("pk")
                .select_for_update(no_key=True)
            )
            for product in moved:
                product.category = target
                product.save(update_fields=["category", "updated_at"])
            LogEntry.objects.log_actions(cast(User, request.user).pk, moved, CHANGE, f"Moved to {target}.")
        said = ngettext("%d product was moved to %s.", "%d products were moved to %s.", len(moved))
        self.message_user(request, said % (len(moved), target), messages.SUCCESS)
        return None

    @admin.action(description="Delete the selected products", permissions=["delete"])
    def delete_selected(self, request: HttpRequest, selected: QuerySet[Product]) -> HttpResponse | None:
        """Django's own action, for a few products only: it loads and lists all that would be deleted."""
        return None if self.few(request, selected) is None else delete_selected(self, request, selected)

    def few(self, request: HttpRequest, selected: QuerySet[Product]) -> list[Product] | None:
        """The selected products; None, and a message, when they are too many for one request."""
        products = list(selected[: MOST_SELECTED + 1])
        if len(products) > MOST_SELECTED:
            self.message_user(request, f"Select at most {MOST_SELECTED} products at a time.", messages.ERROR)
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
        return TemplateResponse(request, "staff/move_products.html", context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What belongs to a product is deleted with it and needs no permission of its own, as in the API."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), protected

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        pictures = form.cleaned_data.get("new_photos")
        if not pictures:
            return
        try:
            added = add_pictures(form.instance, pictures)
        except (TooManyPhotos, NotStored) as error:
            messages.error(request, f"No photo was added. {error}")
            return
        new = sum(created for _, created in added)
        messages.info(request, f"Photos: {new} added, {len(added) - new} were there already.")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CheckedChangeList]:
        return IndexedChangeList

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> BoundedPaginator:
        filtered = IndexStateFilter.parameter_name in request.GET
        return (FilteredPaginator if filtered else BoundedPaginator)(*args, **kwargs)

    @admin.display(description="index")
    def index_state(self, product: Product) -> SafeString | str:
        counts: Counter[State] | None = getattr(product, "photo_states", None)
        if counts is None:
            return "no space yet"
        labels = [label(state, counts[state]) for state in State if counts[state]]
        return mark_safe(" ".join(labels)) if labels else "no photos"

    @admin.action(description="Index their photos anew", permissions=["change"])
    def reindex(self, request: HttpRequest, selected: QuerySet[Product]) -> None:
        """Deletes the vectors of their photos. Searches miss these products until a worker has indexed them again."""
        if (products := self.few(request, selected)) is None:
            return
        photos = list(Photo.objects.filter(product__in=products).values_list("pk", flat=True))
        indexing.forget(photos)
        transaction.on_commit(worker_bell.ring, robust=True)
        said = ngettext("%d photo is being indexed anew.", "%d photos are being indexed anew.", len(photos))
        self.message_user(request, said % len(photos), messages.SUCCESS)

    @admin.action(description="Try their rejected photos again", permissions=["change"])
    def retry(self, request: HttpRequest, selected: QuerySet[Product]) -> None:
        if (products := self.few(request, selected)) is None:
            return
        count, _ = Rejection.objects.filter(photo__product__in=products).delete()
        transaction.on_commit(worker_bell.ring, robust=True)
        said = ngettext("%d photo will be tried again.", "%d photos will be tried again.", count)
        self.message_user(request, said % count, messages.SUCCESS)

    @admin.action(description="Caption their photos anew", permissions=["change"])
    def caption_anew(self, request: HttpRequest, selected: QuerySet[Product]) -> None:
        """Has the model describe them again, those too that were given up. The captions stay until then."""
        if (products := self.few(request, selected)) is None:
            return
        count = caption_leases.ask_again(products)
        said = ngettext("%d product gets a new caption.", "%d products get new captions.", count)
        self.message_user(request, said % count, messages.SUCCESS)
