"""The products of the staff's admin, with what became of their photos in the live space."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext
from unfold.contrib.filters.admin import DropdownFilter
from unfold.views import ChangeList

from catalog.admin import BoundedPaginator, PhotoInline, ProductAdmin
from catalog.models import Photo, Product
from search import bell, indexing, states
from search.models import Rejection, Space
from search.states import State

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
            return products.exclude(states.has_photos())
        if self.value() not in set(State):
            return products
        space = Space.objects.live()
        return products.filter(states.products_with(space, State(self.value()))) if space else products.none()


class FilteredPaginator(BoundedPaginator):
    """Of products by state, each of which costs a look at its photos: counted in the list's own order, along its index.

    Of a million photos 1,000 products take 30 ms so, 10,000 a second, and unordered ten times as long.
    """

    most = 1_000

    def counted(self) -> QuerySet[Any, Any]:
        return self.object_list.values("pk")


class IndexedChangeList(ChangeList):
    """Asks for the states of the page's photos at once, when it is known which products are on it."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if space := Space.objects.live():
            products: list[Any] = list(self.result_list)
            counts = states.per_product(space, [product.pk for product in products])
            for product in products:
                product.photo_states = counts[product.pk]
            self.result_list = products


class IndexedPhotoInline(PhotoInline):
    fields = ["preview", "index_state", "size", "created_at", "position"]
    readonly_fields = [*PhotoInline.readonly_fields, "index_state"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Photo]:
        photos = super().get_queryset(request)
        space = Space.objects.live()
        return states.annotated(photos, space) if space else photos

    @admin.display(description="index")
    def index_state(self, photo: Photo) -> SafeString | str:
        if not hasattr(photo, "is_indexed"):
            return "no space yet"
        state = states.of(photo)
        return format_html("{} {}", label(state), photo.rejected_because or "")  # type: ignore[attr-defined]


admin.site.unregister(Product)


@admin.register(Product)
class IndexedProductAdmin(ProductAdmin):
    inlines = [IndexedPhotoInline]
    list_display = ["photo", "sku", "name", "category", "index_state", "costs", "in_stock", "changed"]
    list_filter = [IndexStateFilter, *ProductAdmin.list_filter]
    actions = [*ProductAdmin.actions, "reindex", "retry"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
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
        """Their vectors are forgotten, so that searches miss these products until a worker has seen them again."""
        if (products := self.few(request, selected)) is None:
            return
        photos = list(Photo.objects.filter(product__in=products).values_list("pk", flat=True))
        indexing.forget(photos)
        transaction.on_commit(bell.ring, robust=True)
        said = ngettext("%d photo is being indexed anew.", "%d photos are being indexed anew.", len(photos))
        self.message_user(request, said % len(photos), messages.SUCCESS)

    @admin.action(description="Try their rejected photos again", permissions=["change"])
    def retry(self, request: HttpRequest, selected: QuerySet[Product]) -> None:
        if (products := self.few(request, selected)) is None:
            return
        count, _ = Rejection.objects.filter(photo__product__in=products).delete()
        transaction.on_commit(bell.ring, robust=True)
        said = ngettext("%d photo will be tried again.", "%d photos will be tried again.", count)
        self.message_user(request, said % count, messages.SUCCESS)
