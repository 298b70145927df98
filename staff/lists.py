"""What the admin's lists share: bounded pages, rows that nobody edits, small photos."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

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


class CheckedChangeList(ChangeList):
    """Shows the list without its filters where the database cannot answer them, such as the year 0 or a NUL.

    Django does so for what fails while the filters are read. These fail when the rows are.
    """

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except (DataError, ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error


class StaffModelAdmin(ModelAdmin):
    """What every page of a model shares: whatever an address or a form holds, the answer is a page."""

    secret_fields: tuple[str, ...] = ()
    """What no page shows: passwords, tokens, digests. Who may look could guess it letter by letter, by filters."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return not self.tells_secret(lookup) and super().lookup_allowed(lookup, value, request)

    def tells_secret(self, lookup: str) -> bool:
        """Whether the path of a filter meets a secret, of this model or, as Django allows, of a related one."""
        secrets = {
            model._meta.concrete_model: getattr(its, "secret_fields", ())
            for model, its in self.admin_site._registry.items()
        }
        model: Any = self.model
        for part in lookup.split(LOOKUP_SEP):
            try:
                field = model._meta.pk if part == "pk" else model._meta.get_field(part)
            except FieldDoesNotExist:  # The rest are transforms.
                return False
            if field.name in secrets.get(model._meta.concrete_model, ()):
                return True
            if not field.is_relation:
                return False
            model = field.related_model
            if model is None:
                return False
            if model._meta.pk.name in secrets.get(model._meta.concrete_model, ()):  # A key compares with it.
                return True
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CheckedChangeList

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        """No more forms than the list has rows, whatever is sent: by default 2,000 are made, for seconds of a core."""
        most = self.list_max_show_all
        return super().get_changelist_formset(request, **{"max_num": most, "absolute_max": most, **kwargs})

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        try:
            for selected in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(selected)
        except ValidationError:
            self.message_user(request, "Nothing was changed: what was selected is not of this list.", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)


class ReadOnlyAdmin(StaffModelAdmin):
    """Shows rows that the system writes, such as those of indexing and training. Nobody edits them by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
