"""What the admin's lists share: bounded pages, rows that nobody edits, small photos."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

# A list counts and shows no more rows. Nobody pages further, and counting takes time on every page.
MOST_COUNTED = 10_000
# One action takes this many products at most, to end well within a request. A file changes more (import_catalog).
MOST_SELECTED = 500


def thumbnail(name: str | None, alt: str = "") -> SafeString | str:
    """A small <img> of a stored photo, fetched when it is scrolled into sight."""
    if not name:
        return "–"
    url = reverse("admin:catalog_product_thumbnail", args=[name])
    return format_html('<img class="thumbnail" src="{}" alt="{}" loading="lazy">', url, alt)


class BoundedPaginator(Paginator):
    """Counts no more than MOST_COUNTED rows, and says so below the list."""

    template_name = "staff/pagination.html"
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


class ReadOnlyAdmin(ModelAdmin):
    """Shows rows that the system writes, such as those of indexing and training. Nobody edits them by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
