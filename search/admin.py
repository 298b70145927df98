"""The index as staff see it: spaces, heads, and the photos that could not be indexed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from search import bell
from search.models import Head, Rejection, Space


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shown, never edited by hand: these rows are what indexing and training leave behind."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Space)
class SpaceAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "weights", "dimensions", "metric", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Head)
class HeadAdmin(ReadOnlyAdmin):
    list_display = ("space", "accuracy", "trained_at")
    exclude = ("weights",)

    @admin.display(description="held-out accuracy")
    def accuracy(self, head: Head) -> str:
        return f"{head.metrics['top1']:.1%}"


@admin.register(Rejection)
class RejectionAdmin(ReadOnlyAdmin):
    list_display = ("photo", "space", "reason", "created_at")
    list_filter = ("space",)
    list_select_related = ("photo__product", "space")
    search_fields = ("photo__product__sku", "reason")
    actions = ("retry",)

    @admin.action(description="Try the selected photos again", permissions=["delete"])
    def retry(self, request: HttpRequest, rejections: QuerySet[Rejection]) -> None:
        count, _ = rejections.delete()
        bell.ring()
        self.message_user(request, f"{count} photos will be tried again.")
