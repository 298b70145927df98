"""The index as staff see it: spaces, heads, and the photos that could not be indexed."""

import json
from functools import partial
from operator import attrgetter
from threading import Lock
from typing import Any

from cachetools import TTLCache, cached
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.admin import TabularInline

from catalog.models import Category
from search import photo_states, spaces, worker_bell
from search.models import Head, Rejection, Space, Threshold
from search.space_options import DERIVED, LEFT_OUT, OWN
from search.spaces import Overview
from staff import confusion
from staff.lists import ReadOnlyAdmin, StaffModelAdmin
from staff.space_form import SpaceForm

KEPT = 5  # Seconds that a process goes on with an overview: among a million photos it takes one.


@cached(TTLCache(maxsize=32, ttl=KEPT), key=attrgetter("pk", "state"), lock=Lock())
def seen(space: Space) -> Overview:
    """The overview of a space, kept for some seconds: several columns show parts of it, and the page asks again."""
    return spaces.overview(space)


class ThresholdInline(TabularInline):
    """The scorecard suggests these (manage.py evaluate --apply); staff may set others."""

    model = Threshold
    extra = 0
    fields = ("category", "min_similarity")


@admin.register(Space)
class SpaceAdmin(StaffModelAdmin):
    """Staff make, watch, activate and drop spaces here. What a space is made of never changes."""

    form = SpaceForm
    inlines = (ThresholdInline,)
    list_display = ("name", "stage", "progress", "summary", "dimensions", "disk", "index")
    readonly_fields = (
        "state",
        "progress",
        "summary",
        "proof",
        "dimensions",
        "metric",
        "disk",
        "index",
        "source",
        "created_at",
    )
    actions = ("activate",)
    change_list_template = "staff/spaces.html"

    def get_fieldsets(self, request: HttpRequest, obj: Space | None = None) -> Any:
        if obj:
            return [(None, {"fields": self.readonly_fields})]
        derived = {
            "fields": ("source", *DERIVED),
            "description": "Projected from stored vectors: no photo is read.",
        }
        return [
            (None, {"fields": ("name",)}),
            ("With a recipe of its own", {"fields": tuple(OWN), "description": LEFT_OUT}),
            ("Or derived from another space", derived),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Space | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # An existing space shows facts alone; only its thresholds can be edited.
        return super().get_form(request, obj, change, **({"form": ModelForm, "fields": []} if obj else kwargs))

    def get_inlines(self, request: HttpRequest, obj: Space | None) -> Any:
        return self.inlines if obj else ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        building = any(
            seen(space).counts.total and not seen(space).is_ready
            for space in Space.objects.filter(state=Space.State.BUILDING)
        )
        return super().changelist_view(request, {"building": building, **(extra_context or {})})

    def has_delete_permission(self, request: HttpRequest, obj: Space | None = None) -> bool:
        is_live = obj is not None and obj.state == Space.State.LIVE
        return not is_live and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What belongs to a space is deleted with it and needs no permission of its own. The live space stays."""
        live = [space for space in objs if space.state == Space.State.LIVE]
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), [*protected, *(f"{space}, which answers searches" for space in live)]

    def delete_model(self, request: HttpRequest, space: Space) -> None:
        """Have a worker delete it. Waiting for searches and batches to end takes longer than a request may."""
        transaction.on_commit(partial(worker_bell.send, "search.tasks.drop_space", space.pk))
        self.message_user(request, f"A worker deletes {space} as soon as its searches have ended.", messages.WARNING)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Space]) -> None:
        for space in queryset:
            self.delete_model(request, space)

    @admin.action(description="Have the selected space answer searches", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Space]) -> None:
        if queryset.count() != 1:
            self.message_user(request, "Select one space.", messages.ERROR)
            return
        space = queryset.get()
        try:
            former = spaces.activate(space)
        except spaces.NotProven as error:
            cure = f"`manage.py activate_space {space} --force` activates it all the same."
            self.message_user(request, f"{error} {cure}", messages.ERROR)
            return
        except (spaces.NotReady, Space.DoesNotExist) as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        missing = photo_states.pending(space).count()
        later = f" The {missing} photos that it lacks are being indexed." if missing else ""
        kept = f"{space} is live; {former} is kept.{later}"
        self.message_user(request, kept if former else f"{space} was live already.")

    @admin.display(description="state")
    def stage(self, space: Space) -> str:
        return seen(space).stage

    @admin.display
    def progress(self, space: Space) -> SafeString:
        counts = seen(space).counts
        bar = '<progress value="{}" max="{}" style="width: 8em"></progress> {} of {}'
        return format_html(bar, counts.settled, max(counts.total, 1), counts.settled, counts.total)

    @admin.display(description="held-out families", empty_value="nothing was learned")
    def proof(self, space: Space) -> str | None:
        evidence = spaces.evidence_of(space)
        return capfirst(f"{evidence}.") if evidence else None

    @admin.display(description="on disk")
    def disk(self, space: Space) -> str:
        size = seen(space).size
        return filesizeformat(size.vectors + size.indexes)

    @admin.display
    def index(self, space: Space) -> str:
        found = seen(space)
        return f"HNSW in {found.hnsw} of {found.leaves} categories" if found.hnsw else "exact scans"


@admin.register(Head)
class HeadAdmin(ReadOnlyAdmin):
    list_display = ("space", "accuracy", "trained_at")
    fields = ("space", "trained_at", "accuracy", "taken_for", "measured")

    class Media:
        css = {"all": ["staff/cards.css"]}

    @admin.display(description="held-out accuracy")
    def accuracy(self, head: Head) -> str:
        return f"{head.metrics['top1']:.1%}"

    @admin.display(description="what is mistaken for what")
    def taken_for(self, head: Head) -> SafeString | str:
        table = confusion.of(head.metrics, dict(Category.objects.values_list("pk", "name")))
        if table is None:
            return "This head was trained before confusions were kept."
        return mark_safe(f'<div class="lamp-card">{render_to_string("staff/confusion.html", {"table": table})}</div>')

    @admin.display
    def measured(self, head: Head) -> SafeString:
        """Everything else that training measured, as it is stored."""
        metrics = {name: value for name, value in head.metrics.items() if name != "confusion"}
        return format_html("<pre>{}</pre>", json.dumps(metrics, indent=2))


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
        worker_bell.ring()
        self.message_user(request, f"{count} photos will be tried again.")
