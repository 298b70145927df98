"""Tags: what products seem to have of attributes that nobody wrote. Staff accept or reject them with a click."""

from collections.abc import Collection, Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, re_path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, DropdownFilter

from catalog.models import Photo, Product
from catalog.validators import MAX_ATTRIBUTES
from descriptions import tag_decisions
from descriptions.models import Tag
from staff.lists import MOST_SELECTED, BoundedPaginator, ReadOnlyAdmin, thumbnail

CHANGES = "catalog.change_product"
# A form of its own for the buttons: those of a list or a product lie within another form.
DECIDE = "staff/decide.html"


@admin.display(description="what speaks for it")
def evidence(tag: Tag) -> SafeString:
    """Its words, the nearest products and its colours, for each value."""
    return mark_safe(render_to_string("staff/tag_evidence.html", {"tag": tag, "values": tag.evidence["values"]}))


@admin.display(description="attribute", ordering="name")
def attribute(tag: Tag) -> SafeString:
    return format_html("{}: <b>{}</b>", tag.name, tag.value)


@admin.display(description="how sure", ordering="confidence")
def sure(tag: Tag) -> SafeString:
    text = '<span title="At least {1} of such tags are right, as products tell that have the attribute.">{0}</span>'
    return format_html(text, f"{tag.confidence:.0%}", f"{tag.evidence['precision']:.0%}")


@admin.display(description="")
def decision(tag: Tag) -> SafeString | str:
    """Buttons that accept or reject it."""
    if tag.state == Tag.State.ACCEPTED:
        return ""
    return mark_safe(render_to_string("staff/tag_buttons.html", {"tag": tag, "proposed": Tag.State.PROPOSED}))


def proposed(product: Product) -> SafeString | str:
    """What is proposed for a product, apart from what people wrote."""
    waiting = product.tags.filter(state=Tag.State.PROPOSED).order_by("name")
    rows = [(attribute(tag), sure(tag), evidence(tag), decision(tag)) for tag in waiting]
    return mark_safe(render_to_string("staff/product_tags.html", {"rows": rows})) if rows else ""


class StateFilter(DropdownFilter):
    """What waits for a decision comes first: the list shows nothing else unless the filter is set."""

    title = "decision"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(Tag.State.ACCEPTED, "accepted"), (Tag.State.REJECTED, "rejected")]

    def queryset(self, request: HttpRequest, tags: QuerySet[Tag]) -> QuerySet[Tag]:
        return tags.filter(state=self.value() or Tag.State.PROPOSED)


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    list_display = ["photo", "of", attribute, sure, evidence]
    list_display_links = None
    list_filter = [StateFilter, ("name", AllValuesCheckboxFilter)]
    list_filter_submit = True
    list_select_related = ["product"]
    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    search_fields = ["product__sku__istartswith", "value__iexact"]
    search_help_text = "The start of a sku, or a value"
    actions = ["accept_selected", "reject_selected"]
    list_after_template = DECIDE

    class Media:
        css = {"all": ["staff/products.css"]}

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide)
        address = r"^(?P<tag>\d{1,18})/(?P<verb>accept|reject)/$"
        return [re_path(address, decide, name="descriptions_tag_decide"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        photos = Photo.objects.filter(product=OuterRef("product")).order_by("position", "pk")
        return super().get_queryset(request).annotate(file=Subquery(photos.values("file")[:1]))

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*self.list_display, *([decision] if self.has_decide_permission(request) else [])]

    @method_decorator(require_POST)
    def decide(self, request: HttpRequest, tag: str, verb: str) -> HttpResponse:
        """Accepts or rejects one tag, and goes back to the page that it was shown on."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        if verb == "accept":
            self._accept(request, [int(tag)])
        else:
            self._reject(request, [int(tag)])
        back = request.META.get("HTTP_REFERER", "")
        safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
        return HttpResponseRedirect(back if safe else reverse("admin:descriptions_tag_changelist"))

    @admin.action(description="Accept the selected tags", permissions=["decide"])
    def accept_selected(self, request: HttpRequest, selected: QuerySet[Tag]) -> None:
        if ids := self._few(request, selected):
            self._accept(request, ids)

    @admin.action(description="Reject the selected tags", permissions=["decide"])
    def reject_selected(self, request: HttpRequest, selected: QuerySet[Tag]) -> None:
        if ids := self._few(request, selected):
            self._reject(request, ids)

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(CHANGES)

    @admin.display
    def photo(self, tag: Tag) -> SafeString | str:
        return thumbnail(tag.file, f"Photo of {tag.product.sku}")  # type: ignore[attr-defined]  # by get_queryset

    @admin.display(description="product", ordering="product__sku")
    def of(self, tag: Tag) -> SafeString:
        address = reverse("admin:catalog_product_change", args=[tag.product_id])
        return format_html('<a href="{}">{}</a>', address, tag.product)

    def _few(self, request: HttpRequest, selected: QuerySet[Tag]) -> list[int]:
        """The ids of the selected tags; none, and a message, when they are too many for one request."""
        ids = list(selected.values_list("pk", flat=True)[: MOST_SELECTED + 1])
        if len(ids) > MOST_SELECTED:
            self.message_user(request, f"Select at most {MOST_SELECTED} tags at a time.", messages.ERROR)
            return []
        return ids

    def _accept(self, request: HttpRequest, ids: Collection[int]) -> None:
        with transaction.atomic():
            done = tag_decisions.accept(ids)
            _log(request, "Accepted", done.tags)
        if done.tags:
            said = ngettext("%d value is an attribute now.", "%d values are attributes now.", len(done.tags))
            self.message_user(request, said % len(done.tags), messages.SUCCESS)
        if done.answered:
            said = "%d had been written meanwhile: what was written stays."
            self.message_user(request, said % done.answered, messages.WARNING)
        if done.refused:
            said = f"%d products hold no more attributes: {MAX_ATTRIBUTES} at most."
            self.message_user(request, said % done.refused, messages.ERROR)
        if not (done.tags or done.answered or done.refused):
            self._say_gone(request)

    def _reject(self, request: HttpRequest, ids: Collection[int]) -> None:
        with transaction.atomic():
            rejected = tag_decisions.reject(ids)
            _log(request, "Rejected", rejected)
        if not rejected:
            self._say_gone(request)
            return
        said = ngettext("%d tag is not proposed again.", "%d tags are not proposed again.", len(rejected))
        self.message_user(request, said % len(rejected), messages.SUCCESS)

    def _say_gone(self, request: HttpRequest) -> None:
        self.message_user(request, "Nothing was changed: it was decided already, or is gone.", messages.WARNING)


def _log(request: HttpRequest, verb: str, tags: Sequence[Tag]) -> None:
    """Put the decisions into the histories of the products."""
    user = cast(User, request.user).pk
    products = Product.objects.only("sku", "name").in_bulk({tag.product_id for tag in tags})
    for tag in tags:
        LogEntry.objects.log_actions(user, [products[tag.product_id]], CHANGE, f"{verb} {tag}.")
