"""What customers did: their searches, what came of them, and both summed up by day."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from search.models import Day, Event, Query
from staff.lists import BoundedPaginator, ReadOnlyAdmin


class LogAdmin(ReadOnlyAdmin):
    """What customers did. Staff only look at it; it is deleted by age (QUERY_LOG_DAYS)."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Query)
class QueryAdmin(LogAdmin):
    list_display = ("asked_at", "kind", "mode", "category", "ms", "results", "space", "request_id")
    list_filter = ("kind",)
    search_fields = ("request_id",)
    search_help_text = "The X-Request-ID of an answer, or its query_id, in full"
    list_select_related = ("category", "space")
    exclude = ("vector",)
    ordering = ("-asked_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Query]:
        return super().get_queryset(request).defer("vector")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Query], search_term: str
    ) -> tuple[QuerySet[Query], bool]:
        """Two indexes find a whole id; a part of one would be looked for in every row."""
        if not search_term:
            return queryset, False
        named = Q(request_id=search_term.strip())
        with suppress(ValueError):
            named |= Q(pk=UUID(search_term.strip()))
        return queryset.filter(named), False


@admin.register(Event)
class EventAdmin(LogAdmin):
    list_display = ("created_at", "kind", "sku", "position", "category", "query_id")
    list_filter = ("kind",)
    list_select_related = ("category",)
    search_fields = ("=sku",)
    ordering = ("-pk",)


@admin.register(Day)
class DayAdmin(LogAdmin):
    list_display = ("date", "of", "searches", "click_through", "carts", "purchases")
    list_filter = ("category",)
    list_select_related = ("category",)

    @admin.display(description="category", ordering="category")
    def of(self, day: Day) -> str:
        return day.category.name if day.category else "all"

    @admin.display(description="click-through at 1, 5, 10")
    def click_through(self, day: Day) -> str:
        return ", ".join(f"{clicked / day.searches:.1%}" for clicked in (day.clicked_1, day.clicked_5, day.clicked_10))
