"""Web addresses of photos in the admin: which wait, which were fetched, which failed and why."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import ngettext

from catalog.models import Import, ImportRow, PhotoAddress, Product
from catalog.photo_addresses import bell
from staff.lists import BoundedPaginator, ReadOnlyAdmin, thumbnail

State = PhotoAddress.State
SHOWN_CHARACTERS = 80
MOST_DIGITS = 18  # Of a row's number. Of thousands Python makes no number at all.
LINK = "text-primary-600 dark:text-primary-500 underline"  # Unfold's.


class ImportFilter(admin.SimpleListFilter):
    """Of the products whose rows an import's page shows. It has no choices: links of other pages set it."""

    title = "import"
    parameter_name = "import"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        number = request.GET.get(self.parameter_name, "")
        return [(number, f"import {number}")] if is_number(number) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[PhotoAddress]) -> QuerySet[PhotoAddress]:
        number = self.value() or ""
        return queryset.filter(product__sku__in=skus_of(int(number))) if is_number(number) else queryset


def is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS


def skus_of(sent_id: int) -> QuerySet[ImportRow, str]:
    return ImportRow.objects.filter(of=sent_id).order_by().values_list("sku", flat=True)


def states(addresses: QuerySet[PhotoAddress]) -> str:
    """How many are in which state, in words; empty without any."""
    counted = dict(addresses.order_by().values_list("state").annotate(number=Count("*")))
    return ", ".join(f"{counted[state]:,} {state.label.lower()}" for state in State if counted.get(state))


def told(query: str, addresses: QuerySet[PhotoAddress]) -> SafeString | str:
    """A link to these addresses that says how far they are; empty without any. `query` finds them in the list."""
    said = states(addresses)
    url = reverse("admin:catalog_photoaddress_changelist")
    return format_html('<a class="{}" href="{}?{}">{}</a>', LINK, url, query, said) if said else ""


def told_time(time: datetime | None) -> str:
    return date_format(localtime(time), "j\xa0M,\xa0H:i") if time else "–"


def of_product(product: Product) -> SafeString | str:
    return told(f"product__id__exact={product.pk}", product.photo_addresses.all())


def of_import(sent: Import) -> SafeString | str:
    """Of the products whose rows are kept: the first ones of each outcome."""
    if sent.dry_run:
        return ""
    return told(f"import={sent.pk}", PhotoAddress.objects.filter(product__sku__in=skus_of(sent.pk)))


@admin.register(PhotoAddress)
class PhotoAddressAdmin(ReadOnlyAdmin):
    secret_fields = ("url", "etag", "last_modified", "sha256")
    list_display = ("brought", "address", "of", "state", "why", "next_try", "asked")
    list_display_links = ("address",)
    list_filter = ("state", ImportFilter)
    list_select_related = ("product", "photo")
    list_per_page = 50
    search_fields = ("^product__sku",)
    search_help_text = "The beginning of a product's SKU"
    fields = ("address", "of", "state", "reason", "attempts", "next_try", "asked", "brought")
    actions = ("try_again",)
    ordering = ("-pk",)
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.change_product")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "product__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description="address")
    def address(self, address: PhotoAddress) -> str:
        """Without user, password and query."""
        return Truncator(address.shown).chars(SHOWN_CHARACTERS)

    @admin.display(description="product", ordering="product__sku")
    def of(self, address: PhotoAddress) -> SafeString:
        url = reverse("admin:catalog_product_change", args=[address.product_id])
        return format_html('<a href="{}">{}</a>', url, address.product.sku)

    @admin.display(description="why")
    def why(self, address: PhotoAddress) -> str:
        return address.reason or "–"

    @admin.display(description="next try", ordering="due_at")
    def next_try(self, address: PhotoAddress) -> str:
        return told_time(address.due_at if address.state == State.WAITING else None)

    @admin.display(description="last asked", ordering="asked_at")
    def asked(self, address: PhotoAddress) -> str:
        return told_time(address.asked_at)

    @admin.display(description="photo")
    def brought(self, address: PhotoAddress) -> SafeString | str:
        return thumbnail(address.photo.file.name if address.photo else None, f"Photo of {address.product.sku}")

    @admin.action(description="Try the selected addresses again", permissions=["retry"])
    def try_again(self, request: HttpRequest, addresses: QuerySet[PhotoAddress]) -> None:
        count = PhotoAddress.objects.filter(pk__in=list(addresses.values_list("pk", flat=True))).ask_anew()
        bell.ring()
        said = ngettext("%d address is asked again.", "%d addresses are asked again.", count)
        self.message_user(request, said % count, messages.SUCCESS)
